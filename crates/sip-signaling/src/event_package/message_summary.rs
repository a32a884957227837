//! Waiting messages: `application/simple-message-summary` (RFC 3842), of the event package `message-summary`.

use std::fmt;

use super::PackageError;
use crate::{Body, SignalingError, message::HeaderList};

/// How many messages of one kind wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MessageCount {
    /// Not heard yet.
    pub new: u32,
    /// Heard and kept.
    pub old: u32,
    /// Those of `new` that are urgent.
    pub new_urgent: u32,
    /// Those of `old` that are urgent.
    pub old_urgent: u32,
}

/// The state of a mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageSummary {
    /// Whether messages wait: the lamp of a telephone.
    pub waiting: bool,
    /// The mailbox, a URI.
    pub account: Option<String>,
    /// Counts by kind in lower case: `voice-message`, `fax-message`, `pager-message`, `multimedia-message`, `text-message`, `none`. A notifier
    /// may tell none.
    pub counts: Vec<(String, MessageCount)>,
}

impl MessageSummary {
    /// The content type.
    pub const CONTENT_TYPE: &str = "application/simple-message-summary";

    /// The event package to subscribe to.
    pub const PACKAGE: &str = "message-summary";

    /// Reads a body. Lines that nobody knows are passed over.
    ///
    /// # Errors
    /// Without a `Messages-Waiting` of `yes` or `no`.
    pub fn parse(body: &[u8]) -> Result<MessageSummary, PackageError> {
        let text = String::from_utf8_lossy(body);
        let mut waiting = None;
        let mut summary = MessageSummary::default();
        // What follows an empty line are headers of single messages.
        for line in text.lines().take_while(|line| !line.trim().is_empty()) {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            match name.as_str() {
                "messages-waiting" if value.eq_ignore_ascii_case("yes") => waiting = Some(true),
                "messages-waiting" if value.eq_ignore_ascii_case("no") => waiting = Some(false),
                "message-account" => summary.account = Some(value.to_owned()),
                _ => summary
                    .counts
                    .extend(count(value).map(|count| (name, count))),
            }
        }
        summary.waiting = waiting.ok_or_else(|| {
            PackageError("it has no Messages-Waiting of \"yes\" or \"no\"".to_owned())
        })?;
        Ok(summary)
    }

    /// The count of a kind of message.
    pub fn count(&self, kind: &str) -> Option<MessageCount> {
        let same = |known: &&(String, MessageCount)| known.0.eq_ignore_ascii_case(kind);
        self.counts.iter().find(same).map(|(_, count)| *count)
    }

    /// The count of voice messages.
    pub fn voice(&self) -> Option<MessageCount> {
        self.count("voice-message")
    }

    /// The body that tells this.
    ///
    /// # Errors
    /// `InvalidInput` for an account or a kind that would break its line.
    pub fn to_body(&self) -> Result<Body, SignalingError> {
        let mut check = HeaderList::new();
        if let Some(account) = &self.account {
            check.push("Message-Account", account.as_str())?;
        }
        for (kind, _) in &self.counts {
            check.push(kind, "0/0")?;
        }
        Ok(Body::new(Self::CONTENT_TYPE, self.to_string()))
    }
}

impl fmt::Display for MessageSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = if self.waiting { "yes" } else { "no" };
        write!(f, "Messages-Waiting: {waiting}\r\n")?;
        if let Some(account) = &self.account {
            write!(f, "Message-Account: {account}\r\n")?;
        }
        for (kind, count) in &self.counts {
            let MessageCount { new, old, .. } = count;
            write!(f, "{kind}: {new}/{old}")?;
            if (count.new_urgent, count.old_urgent) != (0, 0) {
                write!(f, " ({}/{})", count.new_urgent, count.old_urgent)?;
            }
            f.write_str("\r\n")?;
        }
        Ok(())
    }
}

/// `new/old`, and in brackets the urgent ones of each (RFC 3842 section 5.2).
fn count(value: &str) -> Option<MessageCount> {
    let pair = |text: &str| -> Option<(u32, u32)> {
        let (new, old) = text.split_once('/')?;
        Some((new.trim().parse().ok()?, old.trim().parse().ok()?))
    };
    let (all, urgent) = match value.split_once('(') {
        Some((all, urgent)) => (all, Some(urgent.trim().strip_suffix(')')?)),
        None => (value, None),
    };
    let (new, old) = pair(all)?;
    let (new_urgent, old_urgent) = urgent.map_or(Some((0, 0)), pair)?;
    Some(MessageCount {
        new,
        old,
        new_urgent,
        old_urgent,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn summary_of_the_rfc_is_read_and_printed() {
        // RFC 3842 section 3.4, with the headers of single messages after it.
        let text = "Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\n\
                    Voice-Message: 2/8 (0/2)\r\nX-Note: none\r\n\r\nTo: <alice@atlanta.example.com>\r\n";
        let summary = MessageSummary::parse(text.as_bytes()).unwrap();
        assert!(summary.waiting);
        assert_eq!(
            summary.account.as_deref(),
            Some("sip:alice@vmail.example.com")
        );
        let voice = MessageCount {
            new: 2,
            old: 8,
            new_urgent: 0,
            old_urgent: 2,
        };
        assert_eq!(summary.voice(), Some(voice));
        assert_eq!(summary.count("Fax-Message"), None);
        let body = summary.to_body().unwrap();
        assert_eq!(MessageSummary::parse(&body.bytes).unwrap(), summary);
    }

    #[test]
    fn what_is_no_summary_is_refused_and_odd_counts_are_passed_over() {
        for odd in ["", "Voice-Message: 1/2", "Messages-Waiting: maybe"] {
            assert!(MessageSummary::parse(odd.as_bytes()).is_err(), "{odd}");
        }
        for odd in ["1", "1/", "-1/2", "1/2 (3", "1/2 (3)", "99999999999/0"] {
            let text = format!("messages-waiting: NO\nvoice-message: {odd}");
            let summary = MessageSummary::parse(text.as_bytes()).unwrap();
            assert_eq!((summary.waiting, summary.voice()), (false, None), "{odd}");
        }
    }

    #[test]
    fn lines_cannot_be_injected() {
        let summary = MessageSummary {
            account: Some("sip:a@b\r\nVoice-Message: 9/9".into()),
            ..MessageSummary::default()
        };
        assert!(summary.to_body().is_err());
        let summary = MessageSummary {
            counts: vec![("voice-message: 1/1\r\nx".into(), MessageCount::default())],
            ..MessageSummary::default()
        };
        assert!(summary.to_body().is_err());
    }
}
