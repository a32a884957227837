//! From our structs to the strings that the `sdp` crate prints.
//!
//! Strings of the program end up here: nothing of them may break out of its line or its field.

use sdp::description::common as wire;
use sdp::description::media::{MediaDescription as WireMedia, MediaName, RangedPort};
use sdp::description::session as wire_session;

use crate::attribute::Attribute;
use crate::bandwidth::Bandwidth;
use crate::connection::{Address, Connection};
use crate::direction::Direction;
use crate::fmtp::Fmtp;
use crate::media_description::MediaDescription;
use crate::rtpmap::Rtpmap;
use crate::session_description::SessionDescription;
use crate::{ptime, rtcp_mux};

/// The description as the `sdp` crate holds it.
pub(crate) fn to_wire(description: &SessionDescription) -> sdp::SessionDescription {
    let origin = &description.origin;
    let (start_time, stop_time) = description.timing;
    sdp::SessionDescription {
        origin: wire_session::Origin {
            username: token(&origin.username),
            session_id: origin.session_id,
            session_version: origin.session_version,
            network_type: "IN".to_owned(),
            address_type: origin.address.address_type().to_owned(),
            unicast_address: address(&origin.address),
        },
        session_name: text(&description.session_name),
        connection_information: description.connection.as_ref().map(connection),
        bandwidth: description.bandwidths.iter().map(bandwidth).collect(),
        time_descriptions: vec![wire_session::TimeDescription {
            timing: wire_session::Timing {
                start_time,
                stop_time,
            },
            repeat_times: Vec::new(),
        }],
        attributes: description
            .attributes
            .iter()
            .map(untyped)
            .chain(description.direction.map(direction))
            .collect(),
        media_descriptions: description.media.iter().map(stream).collect(),
        ..sdp::SessionDescription::default()
    }
}

fn stream(media: &MediaDescription) -> WireMedia {
    WireMedia {
        media_name: MediaName {
            media: token(&media.media),
            port: RangedPort {
                value: isize::try_from(media.port).unwrap_or(0),
                range: None,
            },
            protos: vec![token(&media.protocol)],
            formats: media.formats.iter().map(|format| token(format)).collect(),
        },
        connection_information: media.connection.as_ref().map(connection),
        bandwidth: media.bandwidths.iter().map(bandwidth).collect(),
        attributes: attributes(media),
        ..WireMedia::default()
    }
}

/// Each rtpmap with its fmtp behind it, then the rest.
fn attributes(media: &MediaDescription) -> Vec<wire::Attribute> {
    let mut attributes = Vec::new();
    let mut fmtps: Vec<&Fmtp> = media.fmtps.iter().collect();
    for map in &media.rtpmaps {
        attributes.push(rtpmap(map));
        fmtps.retain(|fmtp| {
            let belongs = fmtp.payload_type == map.payload_type;
            if belongs {
                attributes.push(value("fmtp", text(&fmtp.to_string())));
            }
            !belongs
        });
    }
    attributes.extend(
        fmtps
            .into_iter()
            .map(|fmtp| value("fmtp", text(&fmtp.to_string()))),
    );
    let packet_times = [
        (ptime::PTIME, media.ptime),
        (ptime::MAXPTIME, media.maxptime),
    ];
    for (name, ms) in packet_times {
        attributes.extend(ms.map(|ms| value(name, ms.to_string())));
    }
    attributes.extend(
        media
            .rtcp
            .as_ref()
            .map(|rtcp| value("rtcp", text(&rtcp.to_string()))),
    );
    if media.rtcp_mux {
        attributes.push(property(rtcp_mux::NAME));
    }
    attributes.extend(media.attributes.iter().map(untyped));
    attributes.extend(media.direction.map(direction));
    attributes
}

fn rtpmap(map: &Rtpmap) -> wire::Attribute {
    let map = Rtpmap {
        encoding_name: token(&map.encoding_name),
        ..map.clone()
    };
    value("rtpmap", map.to_string())
}

fn direction(direction: Direction) -> wire::Attribute {
    property(direction.as_str())
}

fn connection(connection: &Connection) -> wire::ConnectionInformation {
    wire::ConnectionInformation {
        network_type: "IN".to_owned(),
        address_type: connection.address.address_type().to_owned(),
        address: Some(wire::Address {
            address: address(&connection.address),
            ttl: None,
            range: None,
        }),
    }
}

fn bandwidth(bandwidth: &Bandwidth) -> wire::Bandwidth {
    wire::Bandwidth {
        experimental: false,
        bandwidth_type: token(&bandwidth.bandwidth_type),
        bandwidth: bandwidth.value,
    }
}

fn untyped(attribute: &Attribute) -> wire::Attribute {
    wire::Attribute {
        key: token(&attribute.name),
        value: attribute.value.as_deref().map(text),
    }
}

fn property(name: &str) -> wire::Attribute {
    wire::Attribute {
        key: name.to_owned(),
        value: None,
    }
}

fn value(name: &str, value: String) -> wire::Attribute {
    wire::Attribute {
        key: name.to_owned(),
        value: Some(value),
    }
}

fn address(address: &Address) -> String {
    token(&address.to_string())
}

/// One field: no spaces, no control characters, never empty.
fn token(field: &str) -> String {
    if field.is_empty() {
        return "-".to_owned();
    }
    field
        .chars()
        .map(|c| {
            if c.is_whitespace() || c.is_control() {
                '_'
            } else {
                c
            }
        })
        .collect()
}

/// The rest of a line: no control characters.
fn text(value: &str) -> String {
    value
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::Origin;

    #[test]
    fn no_string_breaks_out_of_its_line() {
        let evil = "x\r\nm=audio 1 RTP/AVP 0\r\na=y\0z";
        let description = SessionDescription {
            origin: Origin {
                username: evil.to_owned(),
                ..Origin::default()
            },
            session_name: evil.to_owned(),
            attributes: vec![Attribute::new(evil, evil)],
            media: vec![MediaDescription {
                media: "audio".to_owned(),
                port: 4000,
                protocol: "RTP/AVP".to_owned(),
                formats: vec![evil.to_owned()],
                rtpmaps: vec![Rtpmap {
                    payload_type: 96,
                    encoding_name: evil.to_owned(),
                    clock_rate: 8_000,
                    channels: 1,
                }],
                fmtps: vec![Fmtp {
                    payload_type: 96,
                    parameters: evil.to_owned(),
                }],
                ..MediaDescription::default()
            }],
            ..SessionDescription::default()
        };
        let printed = to_wire(&description).marshal();
        assert_eq!(printed.matches("\r\nm=").count(), 1, "{printed}");
        assert_eq!(printed.matches('\r').count(), printed.lines().count());
        assert!(!printed.contains('\0'));
    }
}
