//! CPU time and memory of this process, from /proc (Linux).

use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// One thread of this process.
#[derive(Debug, Clone)]
pub struct Thread {
    /// Its name, cut at 15 bytes.
    pub name: String,
    /// The process's number of it.
    pub id: u32,
    /// Time on a processor so far, user and system, to the nanosecond.
    pub cpu: Duration,
}

/// The threads of this process.
///
/// # Errors
/// Where /proc does not tell it.
pub fn threads() -> std::io::Result<Vec<Thread>> {
    let mut threads = Vec::new();
    for entry in fs::read_dir("/proc/self/task")? {
        let folder = entry?.path();
        let id = folder
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.parse().ok())
            .unwrap_or_default();
        // A thread may end between the listing and the reading.
        let (Ok(name), Some(cpu)) = (fs::read_to_string(folder.join("comm")), thread_cpu(&folder))
        else {
            continue;
        };
        threads.push(Thread {
            name: name.trim().to_owned(),
            id,
            cpu,
        });
    }
    Ok(threads)
}

/// CPU time of the whole process so far, threads that have ended included.
///
/// # Errors
/// Where the system has no such clock.
pub fn process() -> std::io::Result<Duration> {
    let clock = ClockId::CLOCK_PROCESS_CPUTIME_ID;
    Ok(clock_gettime(clock).map_err(std::io::Error::from)?.into())
}

/// CPU time of the calling thread so far.
///
/// # Errors
/// Where /proc does not tell it.
pub fn current_thread() -> std::io::Result<Duration> {
    let folder = std::path::Path::new("/proc/thread-self");
    thread_cpu(folder).ok_or_else(|| std::io::Error::other("/proc tells no CPU time"))
}

/// `schedstat` counts nanoseconds; a kernel without it still has `stat`, in ticks of 10 ms.
fn thread_cpu(folder: &std::path::Path) -> Option<Duration> {
    if let Ok(text) = fs::read_to_string(folder.join("schedstat")) {
        return text
            .split_whitespace()
            .next()?
            .parse()
            .ok()
            .map(Duration::from_nanos);
    }
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    // The name in parentheses may hold spaces; utime and stime are fields 14 and 15.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// Resident memory of this process, bytes.
///
/// # Errors
/// Where /proc does not tell it.
pub fn resident() -> std::io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes
        .map(|value| value * 1024)
        .ok_or_else(|| std::io::Error::other("/proc/self/status tells no VmRSS"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_works_is_seen_to_have_worked() {
        let id = std::fs::read_link("/proc/thread-self").expect("Linux");
        let id = id
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.parse::<u32>().ok())
            .expect("a number");
        let listed = || {
            threads()
                .expect("threads")
                .into_iter()
                .find(|thread| thread.id == id)
                .expect("ourselves")
                .cpu
        };
        let before = (listed(), current_thread().expect("the time"));
        let begun = std::time::Instant::now();
        let mut sum = 0_u64;
        while begun.elapsed() < Duration::from_millis(30) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(listed() > before.0);
        assert!(current_thread().expect("the time") > before.1);
    }

    #[test]
    fn memory_that_is_touched_is_resident() {
        let before = resident().expect("resident");
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(resident().expect("resident") > before + (32 << 20));
        drop(block);
    }
}
