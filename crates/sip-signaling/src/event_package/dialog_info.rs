//! The dialogs of a telephone, and so whether it is busy: `application/dialog-info+xml` (RFC 4235), of the event package `dialog`.

use std::fmt;

use roxmltree::{Document, Node};

use super::PackageError;
use crate::Body;

const NAMESPACE: &str = "urn:ietf:params:xml:ns:dialog-info";

/// Where a dialog stands (RFC 4235 section 3.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DialogState {
    /// The INVITE has gone out.
    Trying,
    /// A provisional response without a tag has come.
    Proceeding,
    /// It rings.
    Early,
    /// It is talked.
    Confirmed,
    /// Over.
    Terminated,
}

const STATES: [(&str, DialogState); 5] = [
    ("trying", DialogState::Trying),
    ("proceeding", DialogState::Proceeding),
    ("early", DialogState::Early),
    ("confirmed", DialogState::Confirmed),
    ("terminated", DialogState::Terminated),
];

/// Who began a dialog, as the observed user sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialogDirection {
    /// The observed user called.
    Initiator,
    /// The observed user was called.
    Recipient,
}

/// One side of a dialog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DialogParty {
    /// The address, a URI.
    pub identity: Option<String>,
    /// Its display name.
    pub display_name: Option<String>,
    /// The Contact: where requests of the dialog go.
    pub target: Option<String>,
}

/// One dialog of the observed user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedDialog {
    /// Names it in later notifications of the subscription.
    pub id: String,
    /// Call-ID, where it is told.
    pub call_id: Option<String>,
    /// The tag of the observed user.
    pub local_tag: Option<String>,
    /// The tag of the other side.
    pub remote_tag: Option<String>,
    /// Who began it.
    pub direction: Option<DialogDirection>,
    /// Where it stands.
    pub state: DialogState,
    /// Why it ended, such as `rejected`, `cancelled`, `remote-bye`.
    pub event: Option<String>,
    /// The SIP status that ended it.
    pub code: Option<u16>,
    /// The observed user.
    pub local: DialogParty,
    /// The other side.
    pub remote: DialogParty,
}

impl ReportedDialog {
    /// A dialog of which nothing is known but its name and state.
    pub fn new(id: impl Into<String>, state: DialogState) -> ReportedDialog {
        ReportedDialog {
            id: id.into(),
            call_id: None,
            local_tag: None,
            remote_tag: None,
            direction: None,
            state,
            event: None,
            code: None,
            local: DialogParty::default(),
            remote: DialogParty::default(),
        }
    }
}

/// What one notification tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogInfo {
    /// Counts the notifications of a subscription.
    pub version: u32,
    /// All dialogs are told; otherwise only those that have changed.
    pub full: bool,
    /// The observed user, a URI.
    pub entity: String,
    /// The dialogs.
    pub dialogs: Vec<ReportedDialog>,
}

impl DialogInfo {
    /// The content type.
    pub const CONTENT_TYPE: &str = "application/dialog-info+xml";

    /// The event package to subscribe to.
    pub const PACKAGE: &str = "dialog";

    /// Reads a body. Elements that nobody knows, and dialogs without id or state, are passed over; entities and document types are refused.
    ///
    /// # Errors
    /// For what is no XML, or no `dialog-info`.
    pub fn parse(body: &[u8]) -> Result<DialogInfo, PackageError> {
        let broken = |why: String| PackageError(why);
        let text = std::str::from_utf8(body).map_err(|error| broken(error.to_string()))?;
        let document = Document::parse(text.trim_start_matches('\u{feff}').trim_start())
            .map_err(|error| broken(error.to_string()))?;
        let root = document.root_element();
        if root.tag_name().name() != "dialog-info" {
            return Err(broken(format!(
                "it is a <{}>, not a <dialog-info>",
                root.tag_name().name()
            )));
        }
        Ok(DialogInfo {
            version: number(root.attribute("version")).unwrap_or(0),
            full: root.attribute("state") != Some("partial"),
            entity: root.attribute("entity").unwrap_or_default().to_owned(),
            dialogs: children(root, "dialog").filter_map(dialog).collect(),
        })
    }

    /// The body that tells this.
    pub fn to_body(&self) -> Body {
        Body::new(Self::CONTENT_TYPE, self.to_string())
    }
}

/// Children with this name. Some PBXs leave the namespace out, so it is not looked at.
fn children<'a, 'i: 'a>(
    node: Node<'a, 'i>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children()
        .filter(move |child| child.is_element() && child.tag_name().name() == name)
}

fn number<T: std::str::FromStr>(text: Option<&str>) -> Option<T> {
    text?.trim().parse().ok()
}

fn dialog(node: Node<'_, '_>) -> Option<ReportedDialog> {
    let owned = |name: &str| node.attribute(name).map(str::to_owned);
    let told = children(node, "state").next()?;
    let word = told.text().unwrap_or_default().trim();
    let (_, state) = STATES.iter().find(|(name, _)| *name == word)?;
    Some(ReportedDialog {
        call_id: owned("call-id"),
        local_tag: owned("local-tag"),
        remote_tag: owned("remote-tag"),
        direction: match node.attribute("direction") {
            Some("initiator") => Some(DialogDirection::Initiator),
            Some("recipient") => Some(DialogDirection::Recipient),
            _ => None,
        },
        event: told.attribute("event").map(str::to_owned),
        code: number(told.attribute("code")),
        local: party(node, "local"),
        remote: party(node, "remote"),
        ..ReportedDialog::new(node.attribute("id")?, *state)
    })
}

fn party(dialog: Node<'_, '_>, side: &'static str) -> DialogParty {
    let Some(node) = children(dialog, side).next() else {
        return DialogParty::default();
    };
    let identity = children(node, "identity").next();
    let target = children(node, "target").next();
    DialogParty {
        identity: identity
            .and_then(|identity| identity.text())
            .map(|text| text.trim().to_owned()),
        display_name: identity
            .and_then(|identity| identity.attribute("display"))
            .map(str::to_owned),
        target: target
            .and_then(|target| target.attribute("uri"))
            .map(str::to_owned),
    }
}

impl fmt::Display for DialogInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.full { "full" } else { "partial" };
        writeln!(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        write!(
            f,
            "<dialog-info xmlns=\"{NAMESPACE}\" version=\"{}\" state=\"{state}\" entity=\"{}\">",
            self.version,
            Escaped(&self.entity)
        )?;
        for dialog in &self.dialogs {
            dialog.write(f)?;
        }
        writeln!(f, "</dialog-info>")
    }
}

impl ReportedDialog {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = self.direction.map(|direction| match direction {
            DialogDirection::Initiator => "initiator",
            DialogDirection::Recipient => "recipient",
        });
        let word = STATES.iter().find(|(_, state)| *state == self.state);
        f.write_str("<dialog")?;
        attribute(f, "id", Some(&self.id))?;
        attribute(f, "call-id", self.call_id.as_deref())?;
        attribute(f, "local-tag", self.local_tag.as_deref())?;
        attribute(f, "remote-tag", self.remote_tag.as_deref())?;
        attribute(f, "direction", direction)?;
        f.write_str("><state")?;
        attribute(f, "event", self.event.as_deref())?;
        let code = self.code.map(|code| code.to_string());
        attribute(f, "code", code.as_deref())?;
        write!(f, ">{}</state>", word.map_or("", |(word, _)| word))?;
        self.local.write(f, "local")?;
        self.remote.write(f, "remote")?;
        f.write_str("</dialog>")
    }
}

impl DialogParty {
    fn write(&self, f: &mut fmt::Formatter<'_>, side: &str) -> fmt::Result {
        if *self == DialogParty::default() {
            return Ok(());
        }
        write!(f, "<{side}>")?;
        if let Some(identity) = &self.identity {
            f.write_str("<identity")?;
            attribute(f, "display", self.display_name.as_deref())?;
            write!(f, ">{}</identity>", Escaped(identity))?;
        }
        if let Some(target) = &self.target {
            f.write_str("<target")?;
            attribute(f, "uri", Some(target))?;
            f.write_str("/>")?;
        }
        write!(f, "</{side}>")
    }
}

fn attribute(f: &mut fmt::Formatter<'_>, name: &str, value: Option<&str>) -> fmt::Result {
    match value {
        Some(value) => write!(f, " {name}=\"{}\"", Escaped(value)),
        None => Ok(()),
    }
}

/// Text and attribute values of XML 1.0; characters that no document may hold are replaced.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\t' | '\n' | '\r' => write!(f, "&#{};", u32::from(c))?,
                '\0'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}')?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The dialogs that stand, put together from notifications (RFC 4235 section 4.3).
#[derive(Debug, Clone, Default)]
pub struct DialogTable {
    version: Option<u32>,
    dialogs: Vec<ReportedDialog>,
}

/// More dialogs than this are not kept: a bound on what a notifier can make us remember.
const MOST_DIALOGS: usize = 1_000;

impl DialogTable {
    /// Takes a notification in; false if it is an old one, which changes nothing. Terminated dialogs are gone afterwards.
    pub fn update(&mut self, info: &DialogInfo) -> bool {
        if !info.full && self.version.is_some_and(|version| info.version <= version) {
            return false;
        }
        self.version = Some(info.version);
        if info.full {
            self.dialogs.clear();
        }
        for told in &info.dialogs {
            self.dialogs.retain(|known| known.id != told.id);
            if told.state != DialogState::Terminated && self.dialogs.len() < MOST_DIALOGS {
                self.dialogs.push(told.clone());
            }
        }
        true
    }

    /// The dialogs that stand.
    pub fn dialogs(&self) -> &[ReportedDialog] {
        &self.dialogs
    }

    /// It is talked, or rings: the lamp of a busy lamp field.
    pub fn is_busy(&self) -> bool {
        !self.dialogs.is_empty()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// After RFC 4235 section 4.4, with what PBXs add.
    const TOLD: &str = r#"<?xml version="1.0"?>
        <dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" xmlns:sa="urn:x" version="3" state="partial" entity="sip:alice@example.com">
          <dialog id="as7d900as8" call-id="a84b4c76e66710" local-tag="1928301774" remote-tag="456887766" direction="initiator">
            <sa:exclusive>yes</sa:exclusive>
            <state event="rejected" code="486"> terminated </state>
            <duration>274</duration>
            <local><identity display="Alice &amp; Co">sip:alice@example.com</identity>
              <target uri="sip:alice@pc33.example.com"><param pname="+sip.rendering" pval="no"/></target></local>
            <remote><identity>sip:bob@example.com</identity></remote>
          </dialog>
          <dialog id="without-state"/>
          <dialog><state>early</state></dialog>
          <dialog id="x"><state>dreaming</state></dialog>
        </dialog-info>"#;

    #[test]
    fn what_is_told_is_read_and_printed_again() {
        let info = DialogInfo::parse(TOLD.as_bytes()).unwrap();
        assert_eq!((info.version, info.full), (3, false));
        let [dialog] = info.dialogs.as_slice() else {
            panic!("{info:?}")
        };
        assert_eq!(dialog.state, DialogState::Terminated);
        assert_eq!(
            (dialog.event.as_deref(), dialog.code),
            (Some("rejected"), Some(486))
        );
        assert_eq!(dialog.direction, Some(DialogDirection::Initiator));
        assert_eq!(dialog.local.display_name.as_deref(), Some("Alice & Co"));
        assert_eq!(
            dialog.local.target.as_deref(),
            Some("sip:alice@pc33.example.com")
        );
        assert_eq!(DialogInfo::parse(&info.to_body().bytes).unwrap(), info);
    }

    #[test]
    fn strange_texts_come_through_and_cannot_leave_their_place() {
        let mut info = DialogInfo {
            version: 0,
            full: true,
            entity: "\"><x a=\"'&\t\r\n".into(),
            dialogs: vec![ReportedDialog::new("]]><&", DialogState::Early)],
        };
        info.dialogs[0].remote.identity = Some("a</identity><evil/>".into());
        assert_eq!(DialogInfo::parse(&info.to_body().bytes).unwrap(), info);
        info.entity = "\u{1}".into();
        let back = DialogInfo::parse(&info.to_body().bytes).unwrap();
        assert_eq!(back.entity, "\u{fffd}");
    }

    #[test]
    fn what_is_no_dialog_info_is_refused_without_harm() {
        let deep = "<a>".repeat(20_000);
        let bomb = "<!DOCTYPE d [<!ENTITY a \"aaaa\">]><dialog-info entity=\"&a;\"/>";
        for odd in ["", "no", "<presence/>", "<dialog-info", &deep, bomb] {
            assert!(DialogInfo::parse(odd.as_bytes()).is_err());
        }
        assert!(DialogInfo::parse(&[0xff, 0xfe]).is_err());
        let closed = format!(
            "<dialog-info>{}{}</dialog-info>",
            "<a>".repeat(9_000),
            "</a>".repeat(9_000)
        );
        assert!(DialogInfo::parse(closed.as_bytes()).is_ok_and(|info| info.dialogs.is_empty()));
    }

    #[test]
    fn table_follows_partial_notifications() {
        let info = |version, full, dialogs: &[(&str, DialogState)]| DialogInfo {
            version,
            full,
            entity: String::new(),
            dialogs: dialogs
                .iter()
                .map(|(id, state)| ReportedDialog::new(*id, *state))
                .collect(),
        };
        let mut table = DialogTable::default();
        assert!(table.update(&info(
            4,
            true,
            &[("a", DialogState::Early), ("b", DialogState::Confirmed)]
        )));
        assert!(table.update(&info(5, false, &[("a", DialogState::Confirmed)])));
        assert!(!table.update(&info(5, false, &[("a", DialogState::Terminated)])));
        assert_eq!(table.dialogs().len(), 2);
        assert!(table.update(&info(6, false, &[("a", DialogState::Terminated)])));
        assert!(table.is_busy());
        // A new subscription counts from the beginning.
        assert!(table.update(&info(0, true, &[])));
        assert!(!table.is_busy());
    }
}
