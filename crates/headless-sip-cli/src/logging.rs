//! Logs: on standard error, quiet by default, and never with passwords in them.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

const DEFAULT_FILTER: &str = "warn,headless_sip=info,rsipstack=warn";

/// Starts the log on standard error, with the filter of `RUST_LOG` or the default.
pub(crate) fn start() {
    let filter = filter_text(std::env::var("RUST_LOG").ok().as_deref());
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .compact()
        .init();
}

/// The filter to use for what the user asked for.
///
/// rsipstack logs whole SIP messages at INFO, the Authorization header among them. So it stays at WARN unless the
/// user names it: `RUST_LOG=info` means our own lines.
fn filter_text(asked: Option<&str>) -> String {
    match asked.map(str::trim) {
        None | Some("") => DEFAULT_FILTER.to_owned(),
        Some(asked) if asked.contains("rsipstack") => asked.to_owned(),
        Some(asked) => format!("{asked},rsipstack=warn"),
    }
}

#[cfg(test)]
mod tests {
    use super::filter_text;

    #[test]
    fn without_a_wish_the_default_filter_stands() {
        assert_eq!(filter_text(None), "warn,headless_sip=info,rsipstack=warn");
        assert_eq!(
            filter_text(Some(" ")),
            "warn,headless_sip=info,rsipstack=warn"
        );
    }

    #[test]
    fn a_general_wish_leaves_whole_messages_out() {
        assert_eq!(filter_text(Some("info")), "info,rsipstack=warn");
        assert_eq!(
            filter_text(Some("headless_sip=debug")),
            "headless_sip=debug,rsipstack=warn"
        );
    }

    #[test]
    fn who_names_rsipstack_gets_its_messages() {
        assert_eq!(
            filter_text(Some("info,rsipstack=info")),
            "info,rsipstack=info"
        );
    }
}
