//! The command line as clap sees it: one struct a subcommand, in the order of the help.
//!
//! What clap can check alone is a value parser ([`value`]); what needs two options together is checked in
//! [`Cli::parse_checked`], so that every mistake of usage ends in clap's own message and exit code 2.

mod account;
mod in_call;
mod value;

pub(crate) use account::{Account, Transport};
pub(crate) use in_call::{DtmfMode, InCall};
pub(crate) use value::{CodecList, Dtmf, DtmfStep, PbxUser};

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use headless_sip::IpNet;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "headless-sip",
    version,
    about = "Make, answer and measure phone calls from a program, without a sound card",
    long_about = None,
    max_term_width = 100,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = AFTER_HELP
)]
pub(crate) struct Cli {
    /// Print one JSON object a line on standard output instead of text; logs stay on standard error
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,

    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Start here (needs no account and no network):
  headless-sip demo                         a whole call on this machine, with a report to look at

Two terminals:
  headless-sip pbx                          a small telephone system on 127.0.0.1:5060
  headless-sip call sip:echo@127.0.0.1 --play hello.wav --record heard.wav

Exit status:
  0  done
  1  anything that is not below
  2  the command line or a file it names cannot be used
  3  the far end rejected the call (busy, declined, no common codec)
  4  not authorised: the user name or the password was refused
  5  no answer: nobody picked up, or nothing is there
  6  no media: the call stood, but no sound arrived

Logs go to standard error; RUST_LOG sets their detail, for example RUST_LOG=headless_sip=debug.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a whole call on this machine and draw it: registration, speech, tone, digits, hold
    Demo(DemoArgs),
    /// Run a small telephone system: a registrar with echo, tone, dtmf and music to call
    Pbx(PbxArgs),
    /// Register an account and stay registered
    Register(RegisterArgs),
    /// Call a SIP address; play and record sound
    Call(CallArgs),
    /// Wait for calls and answer them
    Answer(AnswerArgs),
    /// Send a text
    Message(MessageArgs),
}

/// `headless-sip demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  headless-sip demo                         over a perfect network
  headless-sip demo --loss 5 --jitter 40    over a bad one: hear and see the repair
  headless-sip demo --codec opus            with another codec

Exit status is 0 only if what was heard is what was said: the speech correlates with the file,
the tone is clean, and the digits are equal.")]
pub(crate) struct DemoArgs {
    /// Codecs in order of preference, of opus, g722, pcmu, pcma and l16
    #[arg(long, value_name = "LIST", default_value_t, help_heading = "Call")]
    pub codec: CodecList,

    /// Share of the RTP packets that the network loses, in percent, 0 to 50
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = value::percent, help_heading = "Network")]
    pub loss: f32,

    /// Jitter of the network: standard deviation of what each packet is delayed, in milliseconds, 0 to 500
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=500), help_heading = "Network")]
    pub jitter: u32,

    /// Folder for the recordings and report.html; created if missing
    #[arg(
        long,
        value_name = "DIR",
        default_value = "headless-sip-demo",
        help_heading = "Output"
    )]
    pub out: PathBuf,
}

/// `headless-sip pbx`.
#[derive(Debug, Args)]
#[command(after_help = "\
Extensions to call:
  echo     says back what it hears
  tone     440 Hz
  dtmf     reads four digits and sends them back
  music    a tune
  NAME     any user that is registered

Numbers that fail on purpose, to try how a program takes it:
  busy, decline, unavailable, timeout, redirect, ringing, blackhole

Examples:
  headless-sip pbx
  headless-sip pbx --listen 127.0.0.1:0 --json        the first line tells the port
  headless-sip pbx --user alice:secret --user bob:hidden

Ends with Ctrl-C. Meant for trying and testing: it asks for passwords but speaks no TLS.")]
pub(crate) struct PbxArgs {
    /// Address and port to listen on, UDP and TCP; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:5060", value_parser = value::socket_address)]
    pub listen: SocketAddr,

    /// A user who may register and call; may be given many times [default: alice:secret and bob:secret, and anybody may call]
    #[arg(long = "user", value_name = "NAME:PASSWORD", value_parser = value::PbxUserParser)]
    pub users: Vec<PbxUser>,
}

/// `headless-sip register`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  headless-sip register --registrar sip:127.0.0.1 --user alice --password secret --seconds 60

Ends with Ctrl-C or after --seconds, and un-registers.")]
pub(crate) struct RegisterArgs {
    #[command(flatten)]
    pub account: Account,

    /// Life of the registration to ask for, in seconds; it is refreshed before it ends
    #[arg(long, value_name = "S", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=86_400), help_heading = "Duration")]
    pub expires: u32,

    /// Leave after this many seconds [default: stay until Ctrl-C]
    #[arg(long, value_name = "N", value_parser = value::seconds, help_heading = "Duration")]
    pub seconds: Option<f64>,
}

/// `headless-sip call`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  headless-sip call sip:echo@127.0.0.1 --tone 440 --record heard.wav --seconds 3
  headless-sip call bob --registrar sip:127.0.0.1 --user alice --password secret --play hello.wav
  headless-sip call sip:dtmf@127.0.0.1 --dtmf 1234 --seconds 5 --json

Without --seconds the call ends when everything has been sent and the far end hangs up, or 5 seconds
after it was sent. Ctrl-C hangs up.")]
pub(crate) struct CallArgs {
    /// Whom to call: a SIP address such as sip:bob@example.com, or only a name, which is then called at the registrar
    #[arg(value_name = "URI", value_parser = value::non_empty)]
    pub uri: String,

    #[command(flatten)]
    pub account: Account,

    #[command(flatten)]
    pub in_call: InCall,

    /// WAV file to play into the call: any rate, any channel count, 8 to 32 bits or float
    #[arg(
        long,
        value_name = "F.wav",
        conflicts_with = "tone",
        help_heading = "Sound"
    )]
    pub play: Option<PathBuf>,

    /// Tone to play into the call instead of a file, in Hz, 20 to 20000; lasts as long as the call, or 5 s without --seconds
    #[arg(long, value_name = "HZ", value_parser = value::hertz, help_heading = "Sound")]
    pub tone: Option<f32>,

    /// Record what arrives as a 16-bit WAV; a name that ends in .stereo.wav gets two channels: received, sent
    #[arg(long, value_name = "F.wav", value_parser = value::wav_path, help_heading = "Sound")]
    pub record: Option<PathBuf>,

    /// Key presses to send once the call stands: 0-9, *, #, A-D; a comma waits one second
    #[arg(long, value_name = "DIGITS", help_heading = "Sound")]
    pub dtmf: Option<Dtmf>,

    /// Give up when nobody has answered after this many seconds, 1 to 3600
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3_600), help_heading = "Duration")]
    pub ring: u32,

    /// Hang up this many seconds after the answer
    #[arg(long, value_name = "N", value_parser = value::seconds, help_heading = "Duration")]
    pub seconds: Option<f64>,
}

/// `headless-sip answer`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  headless-sip answer --local 127.0.0.1:5070 --echo
  headless-sip answer --registrar sip:127.0.0.1 --user bob --password secret --record calls/
  headless-sip answer --local 127.0.0.1:5070 --reject 486 --calls 1
  headless-sip answer --local 0.0.0.0:5060 --trunk 192.0.2.0/24 --echo

A call lasts until the caller hangs up. The command ends with Ctrl-C, after --calls calls or after
--seconds, whichever is first; calls that stand are hung up then.")]
pub(crate) struct AnswerArgs {
    #[command(flatten)]
    pub account: Account,

    #[command(flatten)]
    pub in_call: InCall,

    /// Listen for TLS at this address and port too; needs --cert and --key
    #[arg(long, value_name = "IP:PORT", value_parser = value::socket_address, requires = "cert", help_heading = "TLS")]
    pub local_tls: Option<SocketAddr>,

    /// Listen for WebSockets (RFC 7118) at this address and port too
    #[arg(long, value_name = "IP:PORT", value_parser = value::socket_address, help_heading = "Account")]
    pub local_ws: Option<SocketAddr>,

    /// Listen for WebSockets over TLS at this address and port too; needs --cert and --key
    #[arg(long, value_name = "IP:PORT", value_parser = value::socket_address, requires = "cert", help_heading = "TLS")]
    pub local_wss: Option<SocketAddr>,

    /// Say back what is heard
    #[arg(long, conflicts_with_all = ["play", "tone", "reject"], help_heading = "Sound")]
    pub echo: bool,

    /// WAV file to play to each caller: any rate, any channel count, 8 to 32 bits or float
    #[arg(long, value_name = "F.wav", conflicts_with_all = ["tone", "reject"], help_heading = "Sound")]
    pub play: Option<PathBuf>,

    /// Tone to play to each caller, in Hz, 20 to 20000
    #[arg(long, value_name = "HZ", value_parser = value::hertz, conflicts_with = "reject", help_heading = "Sound")]
    pub tone: Option<f32>,

    /// Folder for one recording a call, created if missing; 16-bit WAV with two channels: received, sent
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "reject",
        help_heading = "Sound"
    )]
    pub record: Option<PathBuf>,

    /// Take calls from this network alone, such as 192.0.2.0/24 or 192.0.2.7, and refuse all others; may be given many times
    #[arg(long, value_name = "CIDR", value_parser = value::network, help_heading = "Call")]
    pub trunk: Vec<IpNet>,

    /// Reject every call with this SIP status, 300 to 699, for example 486 busy, 603 declined
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(300..=699), help_heading = "Call")]
    pub reject: Option<u16>,

    /// Leave after this many calls have ended [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Duration")]
    pub calls: Option<u32>,

    /// Leave after this many seconds [default: stay until Ctrl-C]
    #[arg(long, value_name = "N", value_parser = value::seconds, help_heading = "Duration")]
    pub seconds: Option<f64>,
}

/// `headless-sip message`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  headless-sip message bob 'lunch?' --registrar sip:127.0.0.1 --user alice --password secret

Exit status is 0 once the far end, or a server on its behalf, has taken the text.")]
pub(crate) struct MessageArgs {
    /// To whom: a SIP address such as sip:bob@example.com, or only a name at the registrar
    #[arg(value_name = "URI", value_parser = value::non_empty)]
    pub uri: String,

    /// The text
    #[arg(value_name = "TEXT")]
    pub text: String,

    #[command(flatten)]
    pub account: Account,
}

impl Cli {
    /// Parses the arguments and checks what needs several of them together.
    ///
    /// # Errors
    /// clap's error, which prints itself and knows its exit code (2 for a mistake, 0 for help).
    pub(crate) fn parse_checked<I, T>(arguments: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        let cli = Self::try_parse_from(arguments)?;
        match cli.mistake() {
            None => Ok(cli),
            Some(message) => Err(cli.usage_error(&message)),
        }
    }

    /// What is wrong with the options taken together, if anything.
    fn mistake(&self) -> Option<String> {
        match &self.command {
            Command::Demo(_) | Command::Pbx(_) => None,
            Command::Register(args) => {
                if args.account.registrar.is_none() || args.account.user.is_none() {
                    return Some(
                        "register needs --registrar URI and --user U: where to register, and as whom".into(),
                    );
                }
                args.account.mistake()
            }
            Command::Call(args) => {
                bare_name(&args.uri, &args.account).or_else(|| args.account.mistake())
            }
            Command::Message(args) => {
                bare_name(&args.uri, &args.account).or_else(|| args.account.mistake())
            }
            Command::Answer(args) => args.account.mistake(),
        }
    }

    fn usage_error(&self, message: &str) -> clap::Error {
        let name = match &self.command {
            Command::Demo(_) => "demo",
            Command::Pbx(_) => "pbx",
            Command::Register(_) => "register",
            Command::Call(_) => "call",
            Command::Answer(_) => "answer",
            Command::Message(_) => "message",
        };
        let mut top = Self::command();
        top.build();
        match top.find_subcommand_mut(name) {
            Some(sub) => sub.error(ErrorKind::MissingRequiredArgument, message),
            None => top.error(ErrorKind::MissingRequiredArgument, message),
        }
    }
}

/// What is wrong with a name that no registrar completes.
fn bare_name(uri: &str, account: &Account) -> Option<String> {
    let bare = !uri.contains(':') && !uri.contains('@');
    (bare && account.registrar.is_none()).then(|| {
        format!(
            "'{uri}' is only a name; give a whole address such as sip:{uri}@example.com, or --registrar URI to call it there"
        )
    })
}

#[cfg(test)]
mod tests;
