//! The network of one device: a relay to the gateway that can be cut, stalled and taken down, and
//! that counts what came through it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::broadcast,
    time::timeout,
};

/// For so long the gateway believes in a connection that has gone dead on the way.
const STALL_MAX: Duration = Duration::from_secs(45);
const READ_BYTES: usize = 16 * 1024;

#[derive(Clone, Copy, Debug)]
enum Break {
    /// Both sides are told by a reset.
    Cut,
    /// Nothing comes through any more, and nobody is told.
    Stall,
}

#[derive(Debug)]
pub(super) struct Wire {
    port: u16,
    breaks: broadcast::Sender<Break>,
    is_down: AtomicBool,
    open: AtomicUsize,
    /// How often each message came, by conversation and sequence.
    counts: Mutex<HashMap<(String, u64), usize>>,
}

impl Wire {
    /// A relay on a port of its own.
    pub(super) async fn to(gateway: SocketAddr) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let wire = Arc::new(Self {
            port,
            breaks: broadcast::Sender::new(4),
            is_down: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            counts: Mutex::default(),
        });
        tokio::spawn(Arc::clone(&wire).accept(listener, gateway));
        wire
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Whether a connection is open.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    pub(super) fn cut(&self) {
        // Without a connection there is nobody to cut.
        let _ = self.breaks.send(Break::Cut);
    }

    pub(super) fn stall(&self) {
        let _ = self.breaks.send(Break::Stall);
    }

    /// No connection can be made while it is down.
    pub(super) fn set_down(&self, down: bool) {
        self.is_down.store(down, Ordering::Relaxed);
        if down {
            self.cut();
        }
    }

    /// Messages that came, and how many of them had come before.
    pub(super) fn repeats(&self) -> (usize, usize) {
        let counts = self.counts.lock().expect("counts");
        let all: usize = counts.values().sum();
        (all, all - counts.len())
    }

    async fn accept(self: Arc<Self>, listener: TcpListener, gateway: SocketAddr) {
        while let Ok((device, _)) = listener.accept().await {
            if self.is_down.load(Ordering::Relaxed) {
                let _ = device.set_zero_linger();
                continue;
            }
            let wire = Arc::clone(&self);
            tokio::spawn(async move {
                let breaks = wire.breaks.subscribe();
                wire.open.fetch_add(1, Ordering::Relaxed);
                if let Ok(gateway) = TcpStream::connect(gateway).await {
                    wire.relay(device, gateway, breaks).await;
                }
                wire.open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }

    async fn relay(&self, mut device: TcpStream, mut gateway: TcpStream, mut breaks: broadcast::Receiver<Break>) {
        let (mut up, mut down) = (vec![0; READ_BYTES], vec![0; READ_BYTES]);
        let mut frames = Frames::default();
        let broken = loop {
            let done = tokio::select! {
                read = device.read(&mut up) => match read {
                    Ok(bytes) if bytes > 0 => gateway.write_all(&up[..bytes]).await,
                    _ => return,
                },
                read = gateway.read(&mut down) => match read {
                    Ok(bytes) if bytes > 0 => {
                        frames.read(&down[..bytes], |text| self.count(text));
                        device.write_all(&down[..bytes]).await
                    }
                    _ => return,
                },
                broken = breaks.recv() => break broken,
            };
            if done.is_err() {
                return;
            }
        };
        if let Ok(Break::Stall) = broken {
            // What the device says is lost; its giving up is not told to the gateway.
            let swallow = async { while device.read(&mut up).await.is_ok_and(|bytes| bytes > 0) {} };
            let _ = timeout(STALL_MAX, swallow).await;
            drop(device);
            tokio::time::sleep(STALL_MAX / 3).await;
        } else {
            let _ = device.set_zero_linger();
        }
        let _ = gateway.set_zero_linger();
    }

    fn count(&self, text: &str) {
        let Ok(frame) = serde_json::from_str::<Value>(text) else { return };
        let messages = match frame["type"].as_str() {
            Some("message.new") => vec![&frame],
            Some("sync.page") => frame["messages"].as_array().into_iter().flatten().collect(),
            _ => return,
        };
        let mut counts = self.counts.lock().expect("counts");
        for message in messages {
            if let (Some(id), Some(sequence)) = (message["conversationId"].as_str(), message["sequence"].as_u64()) {
                *counts.entry((id.to_owned(), sequence)).or_default() += 1;
            }
        }
    }
}

/// The text frames in what a gateway sends: first the answer to the handshake, then unmasked
/// frames, each whole.
#[derive(Default)]
struct Frames {
    buffer: Vec<u8>,
    opened: bool,
}

impl Frames {
    fn read(&mut self, bytes: &[u8], mut text: impl FnMut(&str)) {
        const HEAD_END: &[u8] = b"\r\n\r\n";
        self.buffer.extend_from_slice(bytes);
        if !self.opened {
            let Some(end) = self.buffer.windows(HEAD_END.len()).position(|part| part == HEAD_END) else { return };
            self.buffer.drain(..end + HEAD_END.len());
            self.opened = true;
        }
        while let Some((header, length)) = frame_at(&self.buffer) {
            if self.buffer.len() < header + length {
                return;
            }
            let is_text = self.buffer[0] & 0x0f == 1;
            let frame: Vec<u8> = self.buffer.drain(..header + length).skip(header).collect();
            if let (true, Ok(frame)) = (is_text, std::str::from_utf8(&frame)) {
                text(frame);
            }
        }
    }
}

/// The lengths of the header and of the content of a frame, by RFC 6455; none while it is not there.
fn frame_at(bytes: &[u8]) -> Option<(usize, usize)> {
    let big_endian = |bytes: &[u8]| bytes.iter().fold(0, |value, byte| value << 8 | usize::from(*byte));
    match *bytes.get(1)? & 0x7f {
        126 => Some((4, big_endian(bytes.get(2..4)?))),
        127 => Some((10, big_endian(bytes.get(2..10)?))),
        length => Some((2, length.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(parts: &[&[u8]]) -> Vec<String> {
        let (mut frames, mut found) = (Frames::default(), Vec::new());
        for part in parts {
            frames.read(part, |text| found.push(text.to_owned()));
        }
        found
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let long = "x".repeat(200);
        let mut all = b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n\x81\x02hi\x8a\x01p\x81\x7e\x00\xc8".to_vec();
        all.extend_from_slice(long.as_bytes());
        let expected = ["hi", &long];
        assert_eq!(texts(&[&all]), expected);
        let bytes: Vec<&[u8]> = all.chunks(1).collect();
        assert_eq!(texts(&bytes), expected);
    }
}
