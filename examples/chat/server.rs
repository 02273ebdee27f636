//! The server: a listener, a room, and a worker for each client. Each worker may crash at any time.
//!
//! What holds while workers crash, as long as the process lives:
//! - No socket is closed. Clients that connect while the listener is down wait in the kernel's backlog.
//! - Each line that a client has sent is said once in the room. No byte is lost, not even of half a
//!   line that was read before a crash.
//! - Each line of the room is written to each client once, in the room's order.
//!
//! What does not hold:
//! - That a client has got what was written to it: the bytes may still be in a buffer of the kernel.
//! - A client that closes its socket, or its sending half, leaves: it gets no more lines, and half a
//!   line that it has sent is dropped. If its connection breaks, the kernel drops what was not read.
//! - A line whose handling always panics would crash its worker for ever, unless the worker takes the
//!   line out first, as it does with the poisoned line here.
//! - Memory is not bounded: the room keeps all lines, and a line may have any length.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use heir_runtime::prelude::*;
use heir_runtime::supervision::DynamicError;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// The line that crashes the worker of the client who says it, and the room.
pub(crate) const POISON: &str = "/crash";

/// Accepts clients, and starts a worker for each.
// The tree cannot wait until `accept` is done: perhaps no further client comes.
#[heir(crash_loop = never, shutdown = brutal_kill)]
pub(crate) struct Listener {
    #[table(keep, init = TcpListener::bind(address).await?)]
    socket: TcpListener,
    /// The number of the last client.
    #[table(keep)]
    clients: u64,
    /// The socket of the last client, until that client has a worker.
    #[table(keep)]
    accepted: Option<Arc<TcpStream>>,
    /// The address of the socket, for others to read.
    #[table]
    pub bound: Table<(), SocketAddr>,
    #[arg]
    address: SocketAddr,
    #[arg]
    connections: Dynamic<u64, Connection>,
    #[arg]
    room: RoomHandle,
}

#[handlers]
impl Listener {
    #[on(start)]
    fn begin(&mut self, cx: &mut Context<Self>) -> std::io::Result<()> {
        self.bound.insert((), self.socket.local_addr()?);
        let listener = cx.handle().clone();
        cx.spawn("accept", async move {
            while let Some(listener) = listener.upgrade()
                && listener.accept().await.is_ok()
            {}
        });
        Ok(())
    }

    /// Accepts a client and starts its worker.
    async fn accept(&mut self) {
        // Otherwise the incarnation before has accepted a client, and died before the worker was up.
        if self.accepted.is_none() {
            let Ok((socket, _)) = self.socket.accept().await else {
                // Perhaps too many files are open.
                return sleep(Duration::from_millis(10)).await;
            };
            // Nothing here awaits or panics, so nothing can end the incarnation before the socket is
            // in the table.
            self.clients += 1;
            self.accepted = Some(Arc::new(socket));
        }
        if let Some(socket) = self.accepted.clone() {
            let connection = Connection::spec(self.clients, socket, self.room.clone());
            // If the worker is there already, the incarnation before has started it, with this socket.
            let started = self.connections.start(self.clients, connection).await;
            if let Err(DynamicError::NotStarted(why)) = started {
                eprintln!("client {} is turned away: {why}", self.clients);
            }
            self.accepted = None;
        }
    }
}

/// Reads from the socket of one client, and writes to it.
// The tree cannot wait until `write` is done: perhaps the client does not read.
#[heir(crash_loop = never, restart = transient, shutdown = brutal_kill)]
pub(crate) struct Connection {
    /// The bytes that were read and are not a whole line yet.
    #[table(rollback)]
    input: Vec<u8>,
    /// How far the lines of the room have been written to the socket.
    #[table(keep)]
    written: Written,
    #[arg]
    client: u64,
    /// The tree keeps a child's arguments for all incarnations, so this socket needs no table.
    #[arg]
    socket: Arc<TcpStream>,
    #[arg]
    room: RoomHandle,
}

/// A number of whole lines, and of bytes of the next line.
#[derive(Default)]
struct Written {
    lines: u64,
    bytes: usize,
}

#[handlers]
impl Connection {
    #[on(start)]
    async fn begin(&mut self, cx: &mut Context<Self>) -> Result<(), MessageError> {
        cx.send(self.room.join(self.client)).await?;
        let (socket, connection) = (Arc::clone(&self.socket), cx.handle().clone());
        cx.spawn("socket", async move {
            // At first it reads and writes in any case: the incarnation before may have died over that.
            while let Some(connection) = connection.upgrade()
                && connection.read().await.is_ok()
                && connection.write().await.is_ok()
            {
                drop(connection);
                let _ = socket.readable().await;
            }
        });
        Ok(())
    }

    /// Reads what the client has sent, and says each whole line in the room.
    async fn read(&mut self, cx: &mut Context<Self>) -> Result<(), MessageError> {
        self.input.reserve(4096);
        let is_open = match self.socket.try_read_buf(&mut self.input) {
            Ok(bytes) => bytes > 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        // The kernel does not give these bytes again, so they stay, whatever becomes of this message.
        cx.commit(self);
        while let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
            let text = String::from_utf8_lossy(&self.input[..end]);
            let is_poison = text.trim_end() == POISON;
            let line = format!("client {}: {}\n", self.client, text.trim_end());
            // The line leaves with the commit that takes it out of `input`, or not at all.
            if is_poison {
                cx.send(self.room.stumble(line)).await?;
            } else {
                cx.send(self.room.say(line)).await?;
            }
            self.input.drain(..=end);
            if is_poison {
                // The next incarnation does not find the line.
                cx.commit(self);
                panic!("client {} says {POISON}", self.client);
            }
        }
        if !is_open {
            cx.send(self.room.leave(self.client)).await?;
            cx.stop();
        }
        Ok(())
    }

    /// Writes the lines that the room has and the client has not. Meanwhile the worker does not read:
    /// a client that takes no lines cannot say any.
    #[cast]
    async fn write(&mut self) {
        while let Some(line) = self.room.history().get(&(self.written.lines + 1)) {
            if self.socket.writable().await.is_err() {
                return;
            }
            match self.socket.try_write(&line.as_bytes()[self.written.bytes..]) {
                // No await comes between the write and its record in the table.
                Ok(bytes) => self.written.bytes += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // The socket is broken, and `read` finds that out, too.
                Err(_) => return,
            }
            if self.written.bytes == line.len() {
                self.written = Written { lines: self.written.lines + 1, bytes: 0 };
            }
        }
    }
}

/// Knows who is there, and what was said.
#[heir(crash_loop = never)]
pub(crate) struct Room {
    /// The numbers of all clients that have come, and whether each is still there.
    #[table]
    members: Table<u64, bool>,
    /// The lines by number, from 1 on. The connections read them, also while the room is down.
    #[table]
    pub history: OrderedTable<u64, String>,
    #[arg]
    connections: Dynamic<u64, Connection>,
}

#[handlers]
impl Room {
    /// Every incarnation of a connection sends this, but a client comes only once.
    #[cast]
    #[redeliver(1000)]
    fn join(&mut self, cx: &mut Context<Self>, client: u64) {
        if self.members.insert_new(client, true) {
            self.append(cx, format!("client {client} has come\n"));
        }
    }

    #[cast]
    #[redeliver(1000)]
    fn leave(&mut self, cx: &mut Context<Self>, client: u64) {
        if self.members.insert(client, false) == Some(true) {
            self.append(cx, format!("client {client} has left\n"));
        }
    }

    /// If the room dies over a line, nobody has seen the line, and the next incarnation says it.
    #[cast]
    #[redeliver(1000)]
    fn say(&mut self, cx: &mut Context<Self>, line: String) {
        self.append(cx, line);
    }

    /// Nobody ever sees this line, because the message does not commit.
    #[cast]
    fn stumble(&mut self, cx: &mut Context<Self>, line: String) {
        self.append(cx, line);
        panic!("a client says {POISON}");
    }

    #[skip]
    fn append(&mut self, cx: &mut Context<Self>, line: String) {
        let number = self.history.last().map_or(1, |(last, _)| last + 1);
        self.history.insert(number, line);
        let members = self.members.select(|_, is_here| *is_here).into_iter();
        let members: Vec<_> = members.filter_map(|(client, _)| self.connections.get(&client)).collect();
        cx.after_commit(move || {
            for member in members {
                // A full mailbox needs no further `write`: it has one, or a `read`, and one follows that.
                let _ = member.try_write();
            }
        });
    }
}

/// The whole server. A storm of crashes is expected: the limits are out of its reach.
#[supervisor(intensity = 1_000_000, period = "1s")]
pub(crate) struct Chat {
    #[child(args(connections = connections))]
    pub room: Room,
    #[child(intensity = 1_000_000, period = "1s")]
    pub connections: Dynamic<u64, Connection>,
    #[child(args(address: SocketAddr, connections = connections, room = room))]
    pub listener: Listener,
}
