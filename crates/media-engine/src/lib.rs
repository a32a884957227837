//! The audio of many calls: sockets, the media clock, codecs and RTP.
