//! The streams that are open: found, dialled and taken.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::Duration,
};

use rsipstack::{
    transaction::endpoint::EndpointInnerRef,
    transport::{SipConnection, channel::ChannelConnection},
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Semaphore, mpsc},
};
use tokio_util::sync::CancellationToken;

use super::{
    serve::{self, Ends},
    tls::{Secured, Tls},
    web_socket,
    wire::{Io, Wire},
};
use crate::{
    SignalingError, TlsConfig, Transport,
    message::uri::bracketed,
    session::PeerIdentity,
    transaction::{
        convert::to_stack_addr,
        gate::Gate,
        target::{Target, is_local},
    },
};

/// Connections of peers that may be open at once; more are closed at once.
const MAX_TAKEN: usize = 4_096;

/// Where is listened for what.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListenConfig {
    pub(crate) tls: Option<SocketAddr>,
    pub(crate) ws: Option<SocketAddr>,
    pub(crate) wss: Option<SocketAddr>,
}

/// What the pool needs to know.
pub(in crate::transaction) struct StreamConfig {
    /// Local address of connections that are dialled, where it is one.
    pub(in crate::transaction) local_ip: IpAddr,
    pub(in crate::transaction) tls: TlsConfig,
    pub(in crate::transaction) ws_path: String,
    pub(in crate::transaction) connect_timeout: Duration,
    pub(in crate::transaction) keep_alive: Duration,
    pub(in crate::transaction) gate: Arc<Gate>,
}

/// Sockets that listen, before anybody is served.
#[derive(Default)]
pub(in crate::transaction) struct ListenerSet(Vec<(Transport, TcpListener)>);

impl ListenerSet {
    pub(in crate::transaction) fn add(&mut self, transport: Transport, listener: TcpListener) {
        self.0.push((transport, listener));
    }

    /// Binds what is configured beside UDP and TCP.
    pub(in crate::transaction) async fn bind(
        &mut self,
        config: &ListenConfig,
    ) -> Result<(), SignalingError> {
        let wanted = [
            (Transport::Tls, config.tls),
            (Transport::Ws, config.ws),
            (Transport::Wss, config.wss),
        ];
        for (transport, addr) in wanted {
            let Some(addr) = addr else { continue };
            let listener =
                TcpListener::bind(addr)
                    .await
                    .map_err(|error| SignalingError::Transport {
                        peer: format!("{transport} {addr}"),
                        why: format!("cannot bind: {error}"),
                    })?;
            self.add(transport, listener);
        }
        Ok(())
    }
}

/// The name that a peer was verified for, by number: a [`Target`] is copied a lot. 0: by its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct NameId(usize);

/// One open stream.
#[derive(Debug)]
pub(in crate::transaction) struct Stream {
    pub(in crate::transaction) connection: SipConnection,
    pub(in crate::transaction) transport: Transport,
    pub(in crate::transaction) peer: SocketAddr,
    pub(in crate::transaction) local: SocketAddr,
    /// Cancelled when it shall end: its way is gone.
    pub(super) leave: CancellationToken,
    /// Cancelled when it is over.
    pub(in crate::transaction) closed: CancellationToken,
    pub(super) why: OnceLock<String>,
    identity: Option<PeerIdentity>,
}

impl Stream {
    /// RFC 5922 section 4 and RFC 5923 section 6: a stream serves another host if its certificate names that host.
    fn serves(&self, host: Option<&str>) -> bool {
        match host {
            Some(host) if self.transport.is_secure() => self
                .identity
                .as_ref()
                .is_some_and(|identity| identity.covers(host)),
            _ => true,
        }
    }

    /// Why it is over.
    pub(in crate::transaction) fn why(&self) -> &str {
        self.why.get().map_or("the connection broke", |why| why)
    }
}

type Key = (Transport, SocketAddr);

/// All streams of a user agent.
pub(in crate::transaction) struct StreamPool {
    config: StreamConfig,
    tls: Tls,
    endpoint: EndpointInnerRef,
    open: Mutex<HashMap<Key, Vec<Arc<Stream>>>>,
    /// Held while one is dialled, so that two requests at once do not open two streams.
    dialling: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>,
    names: Mutex<Vec<Arc<str>>>,
    listening: HashMap<Transport, SocketAddr>,
    cancel: CancellationToken,
}

impl StreamPool {
    /// Starts to serve those that listen.
    pub(in crate::transaction) fn start(
        config: StreamConfig,
        listeners: ListenerSet,
        endpoint: EndpointInnerRef,
        cancel: CancellationToken,
    ) -> Result<Arc<StreamPool>, SignalingError> {
        let tls = Tls::new(config.tls.clone())?;
        let mut listening = HashMap::new();
        for (transport, listener) in &listeners.0 {
            if transport.is_secure() {
                tls.check_listening()?;
            }
            if let Ok(addr) = listener.local_addr() {
                listening.insert(*transport, addr);
            }
        }
        let pool = Arc::new(StreamPool {
            config,
            tls,
            endpoint,
            open: Mutex::default(),
            dialling: Mutex::default(),
            names: Mutex::default(),
            listening,
            cancel,
        });
        for (transport, listener) in listeners.0 {
            tokio::spawn(listen(
                Arc::downgrade(&pool),
                transport,
                listener,
                pool.cancel.clone(),
            ));
        }
        Ok(pool)
    }

    /// Where is listened for this transport.
    pub(in crate::transaction) fn listening(&self, transport: Transport) -> Option<SocketAddr> {
        self.listening.get(&transport).copied()
    }

    /// The open stream that a request to this target may go over.
    pub(in crate::transaction) fn find(&self, target: Target) -> Option<Arc<Stream>> {
        let name = self.name(target.name);
        self.find_for((target.transport, target.addr), name.as_deref())
    }

    /// True if the stream to this target may carry requests for `host`, too.
    pub(in crate::transaction) fn covers(&self, target: Target, host: &str) -> bool {
        target.transport.is_secure()
            && self
                .find_for((target.transport, target.addr), Some(host))
                .is_some()
    }

    fn find_for(&self, key: Key, host: Option<&str>) -> Option<Arc<Stream>> {
        let open = locked(&self.open);
        let streams = open.get(&key)?;
        // The newest: the one that the peer uses, too.
        streams
            .iter()
            .rev()
            .find(|stream| !stream.closed.is_cancelled() && stream.serves(host))
            .cloned()
    }

    /// Finds or dials the stream to a target.
    pub(in crate::transaction) async fn reach(
        &self,
        target: Target,
    ) -> Result<Arc<Stream>, SignalingError> {
        let name = self.name(target.name);
        self.reach_as((target.transport, target.addr), name.as_deref())
            .await
    }

    /// Finds or dials a stream whose peer is `host`; the target remembers that.
    pub(in crate::transaction) async fn connect(
        &self,
        transport: Transport,
        addr: SocketAddr,
        host: &str,
    ) -> Result<Target, SignalingError> {
        self.reach_as((transport, addr), Some(host)).await?;
        Ok(Target {
            transport,
            addr,
            name: if transport.is_secure() {
                self.remember(host)
            } else {
                NameId::default()
            },
        })
    }

    async fn reach_as(&self, key: Key, host: Option<&str>) -> Result<Arc<Stream>, SignalingError> {
        if let Some(stream) = self.find_for(key, host) {
            return Ok(stream);
        }
        let turn = locked(&self.dialling).entry(key).or_default().clone();
        let guard = turn.lock().await;
        let result = match self.find_for(key, host) {
            Some(stream) => Ok(stream),
            None => self.dial(key, host).await,
        };
        drop(guard);
        // One reference is ours, one is the map's.
        locked(&self.dialling).retain(|_, turn| Arc::strong_count(turn) > 1);
        drop(turn);
        result
    }

    async fn dial(
        &self,
        (transport, addr): Key,
        host: Option<&str>,
    ) -> Result<Arc<Stream>, SignalingError> {
        let failed = |why: String| SignalingError::Transport {
            peer: format!("{transport} {addr}"),
            why,
        };
        let opening = async {
            let stream = self
                .open_tcp(addr)
                .await
                .map_err(|error| failed(error.to_string()))?;
            let local = stream
                .local_addr()
                .map_err(|error| failed(error.to_string()))?;
            let by_address = addr.ip().to_string();
            let host = host.unwrap_or(&by_address);
            let Secured { io, identity } = if transport.is_secure() {
                self.tls.connect(stream, host).await?
            } else {
                plain(stream)
            };
            let wire = match transport {
                Transport::Ws | Transport::Wss => {
                    let host = format!("{}:{}", bracketed(host), addr.port());
                    let path = &self.config.ws_path;
                    let limit = self.config.gate.message_bytes();
                    let socket =
                        web_socket::open(io, &host, path, transport.is_secure(), limit).await;
                    Wire::WebSocket(Box::new(socket.map_err(failed)?))
                }
                _ => Wire::Bytes(io),
            };
            Ok::<_, SignalingError>((wire, local, identity))
        };
        let timeout = self.config.connect_timeout;
        let (wire, local, identity) = tokio::time::timeout(timeout, opening)
            .await
            .map_err(|_| failed(format!("no connection within {} s", timeout.as_secs_f32())))??;
        self.add(wire, (transport, addr), local, identity, None)
            .await
    }

    async fn open_tcp(&self, addr: SocketAddr) -> std::io::Result<TcpStream> {
        let local = self.config.local_ip;
        let stream = if local.is_unspecified() || local.is_ipv4() != addr.is_ipv4() {
            TcpStream::connect(addr).await?
        } else {
            let socket = if local.is_ipv4() {
                TcpSocket::new_v4()?
            } else {
                TcpSocket::new_v6()?
            };
            socket.bind(SocketAddr::new(local, 0))?;
            socket.connect(addr).await?
        };
        // Small messages that wait for each other gain nothing from being gathered.
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn accept(
        &self,
        transport: Transport,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> Result<(Wire, SocketAddr, Option<PeerIdentity>), String> {
        stream
            .set_nodelay(true)
            .map_err(|error| error.to_string())?;
        let local = stream.local_addr().map_err(|error| error.to_string())?;
        let Secured { io, identity } = if transport.is_secure() {
            self.tls.accept(stream, peer.ip()).await?
        } else {
            plain(stream)
        };
        let wire = match transport {
            Transport::Ws | Transport::Wss => Wire::WebSocket(Box::new(
                web_socket::take(io, self.config.gate.message_bytes()).await?,
            )),
            _ => Wire::Bytes(io),
        };
        Ok((wire, local, identity))
    }

    /// Takes a stream in and serves it; `place` is given back when it is over.
    async fn add(
        &self,
        wire: Wire,
        (transport, peer): Key,
        local: SocketAddr,
        identity: Option<PeerIdentity>,
        place: Option<tokio::sync::OwnedSemaphorePermit>,
    ) -> Result<Arc<Stream>, SignalingError> {
        self.sweep();
        let target = Target::of(transport, peer);
        let (to_stack, from_stream) = mpsc::unbounded_channel();
        let (to_stream, from_stack) = mpsc::unbounded_channel();
        let channel = ChannelConnection::create_connection(
            from_stream,
            to_stream,
            to_stack_addr(target),
            None,
        )
        .await
        .map_err(|error| SignalingError::Config(error.to_string()))?;
        let stream = Arc::new(Stream {
            connection: SipConnection::Channel(channel),
            transport,
            peer,
            local,
            leave: CancellationToken::new(),
            closed: CancellationToken::new(),
            why: OnceLock::new(),
            identity,
        });
        locked(&self.open)
            .entry((transport, peer))
            .or_default()
            .push(stream.clone());
        self.endpoint
            .transport_layer
            .add_connection(stream.connection.clone());
        tracing::debug!(%transport, %peer, "stream open");
        let ends = Ends {
            to_stack,
            from_stack,
        };
        tokio::spawn(serve::run(
            stream.clone(),
            wire,
            ends,
            self.config.keep_alive,
            self.config.gate.clone(),
            self.cancel.clone(),
            place,
        ));
        Ok(stream)
    }

    /// Ends the streams that stand on an address which this machine has no more: nothing comes through them, and nobody
    /// would say so for minutes.
    pub(in crate::transaction) fn leave_old_addresses(&self) {
        for stream in locked(&self.open).values().flatten() {
            if !is_local(stream.local.ip()) {
                stream.leave.cancel();
            }
        }
    }

    /// Forgets the streams that are over.
    fn sweep(&self) {
        locked(&self.open).retain(|_, streams| {
            streams.retain(|stream| !stream.closed.is_cancelled());
            !streams.is_empty()
        });
    }

    fn remember(&self, host: &str) -> NameId {
        let mut names = locked(&self.names);
        let at = names
            .iter()
            .position(|known| known.eq_ignore_ascii_case(host));
        let at = at.unwrap_or_else(|| {
            names.push(host.into());
            names.len().saturating_sub(1)
        });
        NameId(at.saturating_add(1))
    }

    fn name(&self, id: NameId) -> Option<Arc<str>> {
        locked(&self.names).get(id.0.checked_sub(1)?).cloned()
    }
}

fn plain(stream: TcpStream) -> Secured {
    let io: Box<dyn Io> = Box::new(stream);
    Secured { io, identity: None }
}

async fn listen(
    pool: Weak<StreamPool>,
    transport: Transport,
    listener: TcpListener,
    cancel: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(MAX_TAKEN));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = cancel.cancelled() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // No file descriptors left, most likely: some will be closed soon.
                tracing::warn!(%transport, %error, "cannot take a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (Some(pool), Ok(place)) = (pool.upgrade(), places.clone().try_acquire_owned()) else {
            continue;
        };
        let cancel = cancel.clone();
        tokio::spawn(async move {
            let timeout = pool.config.connect_timeout;
            let accepting = tokio::time::timeout(timeout, pool.accept(transport, stream, peer));
            let accepted = tokio::select! {
                accepted = accepting => accepted,
                () = cancel.cancelled() => return,
            };
            match accepted {
                Ok(Ok((wire, local, identity))) => {
                    pool.add(wire, (transport, peer), local, identity, Some(place))
                        .await
                        .ok();
                }
                Ok(Err(why)) => tracing::info!(%transport, %peer, %why, "connection not taken"),
                Err(_) => tracing::info!(%transport, %peer, "handshake not done in time"),
            }
        });
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
