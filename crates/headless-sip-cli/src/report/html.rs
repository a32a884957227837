//! The one place that makes text safe for HTML.

use std::fmt::{self, Display, Write};

/// Text that displays itself escaped, good inside an element and inside a quoted attribute.
pub(super) struct Escaped<'a>(&'a str);

/// Escapes text of any origin.
pub(super) fn esc(text: &str) -> Escaped<'_> {
    Escaped(text)
}

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                control if control.is_control() => f.write_char('\u{fffd}')?,
                plain => f.write_char(plain)?,
            }
        }
        Ok(())
    }
}

/// JSON that may stand inside a script element: no `<` can end the element or open a comment.
pub(super) fn script_json(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

/// A moment or a length as a share of the time axis, in percent with enough digits for any screen.
pub(super) fn percent(seconds: f64, duration: f64) -> String {
    let share = if duration > 0.0 {
        seconds / duration
    } else {
        0.0
    };
    format!("{:.3}%", share.clamp(0.0, 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_means_something_to_a_browser_passes() {
        assert_eq!(
            esc("<b a=\"x\" b='y'>&\u{1b}").to_string(),
            "&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;\u{fffd}"
        );
        let json = script_json(&serde_json::json!({"a": "</script><!--"}));
        assert!(!json.contains('<'), "{json}");
    }
}
