//! Lexical rules of RFC 3261 section 25: tokens, quoted strings, lists.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

/// True for a non-empty `token` of RFC 3261 section 25.1.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// CR, LF, NUL and the other control characters but TAB: none may stand in a header value.
pub(crate) fn has_control(text: &str) -> bool {
    // Nearly all values are printable ASCII, which is told without decoding.
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    !printable && text.chars().any(|c| c.is_control() && c != '\t')
}

/// Splits at `separator` outside quoted strings and angle brackets; parts are trimmed, empty parts dropped.
pub(crate) fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if quoted {
            match c {
                '\\' => escaped = true,
                '"' => quoted = false,
                _ => {}
            }
        } else if c == '"' {
            quoted = true;
        } else if c == '<' {
            angle = true;
        } else if c == '>' {
            angle = false;
        } else if c == separator && !angle {
            push_trimmed(&mut parts, text.get(start..at));
            start = at.saturating_add(c.len_utf8());
        }
    }
    push_trimmed(&mut parts, text.get(start..));
    parts
}

fn push_trimmed<'a>(parts: &mut Vec<&'a str>, part: Option<&'a str>) {
    if let Some(part) = part.map(str::trim).filter(|part| !part.is_empty()) {
        parts.push(part);
    }
}

/// The content of a quoted string, escapes undone; text without quotes is returned as it is.
pub(crate) fn unquote(text: &str) -> String {
    let text = text.trim();
    let Some(inner) = text
        .strip_prefix('"')
        .map(|rest| rest.strip_suffix('"').unwrap_or(rest))
    else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

/// A quoted string of RFC 3261 section 25.1; control characters become spaces.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Splits a leading quoted string from what follows; `None` if the quote is never closed.
pub(crate) fn split_quoted(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return text.split_at_checked(at.saturating_add(1)),
            _ => {}
        }
    }
    None
}

/// Bytes from the network as text: UTF-8, or else Latin-1 (display names of old equipment).
pub(crate) fn lossless_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_split_outside_quotes_and_brackets_only() {
        assert_eq!(
            split_outside_quotes(r#""a, \" b" <sip:x,y@z>, second ,"#, ','),
            [r#""a, \" b" <sip:x,y@z>"#, "second"]
        );
    }

    #[test]
    fn quoting_is_undone_by_unquoting() {
        for text in ["", "plain", r#"with "quotes" and \ "#, "é"] {
            assert_eq!(unquote(&quote(text)), text);
        }
    }
}
