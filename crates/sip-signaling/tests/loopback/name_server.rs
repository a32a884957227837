//! A name server that knows a handful of records.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::net::UdpSocket;

#[derive(Clone)]
pub(crate) enum Record {
    A(Ipv4Addr),
    /// Priority, weight, port, target.
    Srv(u16, u16, u16, &'static str),
    /// Order, preference, service, replacement.
    Naptr(u16, u16, &'static str, &'static str),
}

/// Runs until the test ends.
pub(crate) struct NameServer {
    pub(crate) addr: SocketAddr,
    asked: Arc<Mutex<Vec<(String, u16)>>>,
}

impl NameServer {
    pub(crate) async fn start(records: Vec<(&'static str, Record)>) -> NameServer {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        tokio::spawn(async move {
            let mut query = [0; 4_096];
            while let Ok((length, source)) = socket.recv_from(&mut query).await {
                let (name, kind, end) = question(&query[..length]);
                log.lock().unwrap().push((name.clone(), kind));
                let answer = answer(&query[..end], &name, kind, &records);
                socket.send_to(&answer, source).await.unwrap();
            }
        });
        NameServer { addr, asked }
    }

    /// The names that were asked for since the last time, with the type.
    pub(crate) fn forget(&self) -> Vec<(String, u16)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// Name, type, and where the question ends (RFC 1035 section 4.1.2).
fn question(query: &[u8]) -> (String, u16, usize) {
    let mut at = 12;
    let mut labels = Vec::new();
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..at + 1 + length]).to_lowercase());
        at += 1 + length;
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    (labels.join("."), kind, at + 5)
}

fn answer(query: &[u8], name: &str, kind: u16, records: &[(&str, Record)]) -> Vec<u8> {
    let known = records.iter().any(|(known, _)| *known == name);
    let data: Vec<Vec<u8>> = records
        .iter()
        .filter(|(known, record)| *known == name && kind_of(record) == kind)
        .map(|(_, record)| data(record))
        .collect();
    let mut out = query[..2].to_vec();
    // A response, recursion available; NXDOMAIN where nothing stands at the name.
    out.extend([0x81, if known { 0x80 } else { 0x83 }, 0, 1]);
    out.extend((data.len() as u16).to_be_bytes());
    out.extend([0, 0, 0, 0]);
    out.extend(&query[12..]);
    for data in data {
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
    out
}

fn kind_of(record: &Record) -> u16 {
    match record {
        Record::A(_) => 1,
        Record::Srv(..) => 33,
        Record::Naptr(..) => 35,
    }
}

fn data(record: &Record) -> Vec<u8> {
    let mut out = Vec::new();
    match record {
        Record::A(address) => out.extend(address.octets()),
        Record::Srv(priority, weight, port, target) => {
            for number in [priority, weight, port] {
                out.extend(number.to_be_bytes());
            }
            out.extend(name(target));
        }
        Record::Naptr(order, preference, service, replacement) => {
            for number in [order, preference] {
                out.extend(number.to_be_bytes());
            }
            for text in ["s", service, ""] {
                out.push(text.len() as u8);
                out.extend(text.bytes());
            }
            out.extend(name(replacement));
        }
    }
    out
}

fn name(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in text.split('.') {
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.push(0);
    out
}
