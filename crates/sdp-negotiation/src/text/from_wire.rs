//! From the `sdp` crate's strings to our typed attributes.

use sdp::description::common as wire;

use super::media_line::MediaLine;
use crate::attribute::Attribute;
use crate::bandwidth::Bandwidth;
use crate::connection::{Address, Connection};
use crate::direction::Direction;
use crate::fmtp::Fmtp;
use crate::media_description::MediaDescription;
use crate::origin::Origin;
use crate::ptime::parse_packet_time;
use crate::rtcp::Rtcp;
use crate::rtpmap::Rtpmap;
use crate::session_description::SessionDescription;
use crate::{ptime, rtcp_mux};

/// Types what was read; `set_aside` holds the `m=` lines that were replaced by stand-ins.
pub(crate) fn from_wire(
    wire: sdp::SessionDescription,
    set_aside: Vec<Option<MediaLine>>,
) -> SessionDescription {
    let timing = wire.time_descriptions.first().map_or((0, 0), |time| {
        (time.timing.start_time, time.timing.stop_time)
    });
    let mut description = SessionDescription {
        origin: Origin {
            username: wire.origin.username,
            session_id: wire.origin.session_id,
            session_version: wire.origin.session_version,
            address: Address::parse(&wire.origin.address_type, &wire.origin.unicast_address)
                .unwrap_or_default(),
        },
        session_name: wire.session_name,
        connection: wire.connection_information.and_then(connection),
        bandwidths: wire.bandwidth.into_iter().map(bandwidth).collect(),
        timing,
        direction: None,
        attributes: Vec::new(),
        media: Vec::with_capacity(set_aside.len()),
    };
    for attribute in wire.attributes {
        match direction(&attribute) {
            Some(direction) => {
                description.direction.get_or_insert(direction);
            }
            None => description.attributes.push(untyped(attribute)),
        }
    }
    description.media = wire
        .media_descriptions
        .into_iter()
        .zip(set_aside)
        .map(|(media, line)| stream(media, line))
        .collect();
    description
}

fn stream(
    wire: sdp::description::media::MediaDescription,
    set_aside: Option<MediaLine>,
) -> MediaDescription {
    let line = set_aside.unwrap_or_else(|| MediaLine {
        media: wire.media_name.media,
        port: u16::try_from(wire.media_name.port.value).unwrap_or(0),
        protocol: wire.media_name.protos.join("/"),
        formats: wire.media_name.formats,
    });
    let mut stream = MediaDescription {
        media: line.media,
        port: line.port,
        protocol: line.protocol,
        formats: line.formats,
        connection: wire.connection_information.and_then(connection),
        bandwidths: wire.bandwidth.into_iter().map(bandwidth).collect(),
        ..MediaDescription::default()
    };
    for attribute in wire.attributes {
        if let Some(unknown) = type_attribute(&mut stream, attribute) {
            stream.attributes.push(untyped(unknown));
        }
    }
    stream
}

/// Puts the attribute where it belongs; gives it back when there is no type for it, or when it is malformed.
fn type_attribute(
    stream: &mut MediaDescription,
    attribute: wire::Attribute,
) -> Option<wire::Attribute> {
    if let Some(direction) = direction(&attribute) {
        stream.direction.get_or_insert(direction);
        return None;
    }
    if attribute.key == rtcp_mux::NAME {
        stream.rtcp_mux = true;
        return None;
    }
    let value = attribute.value.as_deref().unwrap_or_default();
    let typed = match attribute.key.as_str() {
        "rtpmap" => Rtpmap::parse(value).map(|rtpmap| stream.rtpmaps.push(rtpmap)),
        "fmtp" => Fmtp::parse(value).map(|fmtp| stream.fmtps.push(fmtp)),
        ptime::PTIME if stream.ptime.is_none() => {
            parse_packet_time(value).map(|ms| stream.ptime = Some(ms))
        }
        ptime::MAXPTIME if stream.maxptime.is_none() => {
            parse_packet_time(value).map(|ms| stream.maxptime = Some(ms))
        }
        "rtcp" if stream.rtcp.is_none() => Rtcp::parse(value).map(|rtcp| stream.rtcp = Some(rtcp)),
        _ => None,
    };
    match typed {
        Some(()) => None,
        None => Some(attribute),
    }
}

fn direction(attribute: &wire::Attribute) -> Option<Direction> {
    match attribute.value {
        Some(_) => None,
        None => Direction::from_name(&attribute.key),
    }
}

fn connection(wire: wire::ConnectionInformation) -> Option<Connection> {
    let address = Address::parse(&wire.address_type, &wire.address?.address)?;
    Some(Connection { address })
}

fn bandwidth(wire: wire::Bandwidth) -> Bandwidth {
    let prefix = if wire.experimental { "X-" } else { "" };
    Bandwidth {
        bandwidth_type: format!("{prefix}{}", wire.bandwidth_type),
        value: wire.bandwidth,
    }
}

fn untyped(wire: wire::Attribute) -> Attribute {
    Attribute {
        name: wire.key,
        value: wire.value,
    }
}
