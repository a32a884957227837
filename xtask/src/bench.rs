//! `cargo xtask bench`: the figures that need more than cargo.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::workspace::Workspace;

/// Debian's package of prompts spoken by a person, and where it puts them.
const PROMPTS_PACKAGE: &str = "asterisk-core-sounds-en-wav";
const PROMPTS: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";
/// What espeak-ng says where there are no prompts; repeated in several voices until two minutes are full.
const SENTENCES: [&str; 8] = [
    "Thank you for calling. Please listen to all of the options before you choose.",
    "The person at this extension is on another call. Please stay on the line.",
    "Your message has been saved. To hear it again, press one. To change it, press two.",
    "The quick brown fox jumps over the lazy dog, and nobody knows why it does.",
    "All our agents are busy at the moment. You are the next caller in the queue.",
    "Please enter the number of your account, followed by the pound key.",
    "We close at six o'clock in the evening. Our office opens again tomorrow at nine.",
    "The number you have dialled is not in service. Please check it and try again.",
];
const VOICES: [&str; 4] = ["en-us", "en-gb", "en-us+f3", "en-gb+f2"];

/// `cargo xtask bench sound`: speech and PESQ are fetched where they are missing, the rest is the program `sound` of the
/// bench package, which gets `arguments`. `false` when it failed.
///
/// # Errors
///
/// A text when there is no speech to be had.
pub fn sound(arguments: &[String]) -> Result<bool, String> {
    let workspace = Workspace::load()?;
    let speech = speech(&workspace.target)?;
    let python = python(&workspace.target);
    let mut command = cargo();
    command
        .current_dir(&workspace.root)
        .args([
            "run",
            "--release",
            "--quiet",
            "--package",
            "headless-sip-bench",
        ])
        .args(["--bin", "sound", "--", "--speech"])
        .arg(speech)
        .arg("--python")
        .arg(python)
        .args(arguments);
    Ok(succeeds(&mut command))
}

/// A folder of WAV files.
fn speech(target: &Path) -> Result<PathBuf, String> {
    if Path::new("/etc/debian_version").exists() && !Path::new(PROMPTS).exists() {
        println!("installing {PROMPTS_PACKAGE}");
        // As root this works; as anybody else the next way is tried.
        install(PROMPTS_PACKAGE);
    }
    if Path::new(PROMPTS).exists() {
        return Ok(PROMPTS.into());
    }
    println!("no {PROMPTS_PACKAGE}: espeak-ng speaks, so figures are not those of docs/sound.md");
    if !succeeds(
        Command::new("espeak-ng")
            .arg("--version")
            .stdout(Stdio::null()),
    ) {
        install("espeak-ng");
    }
    let folder = target.join("sound-speech");
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    for (v, voice) in VOICES.into_iter().enumerate() {
        for (s, sentence) in SENTENCES.into_iter().enumerate() {
            let file = folder.join(format!("{s}-{v}.wav"));
            let mut espeak = Command::new("espeak-ng");
            espeak.args(["-v", voice, "-w"]).arg(&file).arg(sentence);
            if !file.exists() && !succeeds(&mut espeak) {
                return Err(format!(
                    "no speech: install the Debian package {PROMPTS_PACKAGE} or espeak-ng"
                ));
            }
        }
    }
    Ok(folder)
}

/// A Python of our own with the package `pesq`, or any: the program says what it lacks.
fn python(target: &Path) -> PathBuf {
    let folder = target.join("sound-venv");
    let python = folder.join("bin/python");
    let has_pesq =
        |python: &Path| succeeds(Command::new(python).args(["-c", "import pesq, numpy"]));
    if has_pesq(&python) {
        return python;
    }
    println!(
        "installing the Python package pesq into {}",
        folder.display()
    );
    let made = succeeds(Command::new("python3").args(["-m", "venv"]).arg(&folder))
        && succeeds(
            Command::new(&python).args(["-m", "pip", "install", "--quiet", "numpy", "pesq"]),
        );
    if made { python } else { "python3".into() }
}

fn install(package: &str) -> bool {
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.arg("--quiet").args(arguments).stdout(Stdio::null());
        succeeds(command.env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update"]) && apt(&["install", "--yes", "--no-install-recommends", package])
}

fn succeeds(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
