//! Users that do not answer as a phone should.

/// What a fault user does with every call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// 486 Busy Here.
    Busy,
    /// 302 Moved Temporarily with this user of the PBX as Contact.
    Redirect(String),
    /// No answer at all, not even 100.
    Blackhole,
    /// 603 Decline.
    Decline,
    /// 503 Service Unavailable with this Retry-After in seconds.
    Unavailable {
        /// Retry-After, in seconds.
        retry_after: u32,
    },
    /// 180 Ringing for ever; 487 once cancelled.
    Ringing,
    /// 408 Request Timeout at once, as a proxy says after a called phone stayed silent.
    Timeout,
    /// Any final status, 300 to 699.
    Status(u16),
}

impl Fault {
    /// The users that every PBX has unless the builder takes them away.
    pub(super) fn usual() -> Vec<(String, Fault)> {
        let named = |(name, fault): (&str, Fault)| (name.to_owned(), fault);
        [
            ("busy", Fault::Busy),
            ("redirect", Fault::Redirect("echo".to_owned())),
            ("blackhole", Fault::Blackhole),
            ("decline", Fault::Decline),
            ("unavailable", Fault::Unavailable { retry_after: 30 }),
            ("ringing", Fault::Ringing),
            ("timeout", Fault::Timeout),
        ]
        .map(named)
        .into()
    }
}
