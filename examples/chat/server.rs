//! The server: a listener, a room, and a worker for each client. Each of them may crash at any time.
//!
//! What holds while workers crash, as long as the process lives:
//! - No socket is closed, the listener's neither: clients that connect while it is down wait in the kernel's backlog.
//! - No byte that a client has sent is lost, be it half a line, and each line is said once.
//! - Each client gets all lines of the room, each once, in the room's order.
//!
//! What does not:
//! - A line that was written may still be in the kernel: nobody knows whether the client has read it.
//! - A client that closes its socket, or its half of it, leaves; what it has not got or not ended by then is lost.
//! - A worker that panics over each try of a line is in a loop. The poisoned line here is therefore taken out before the panic.
//! - The history has no end. A real room would drop old lines, and clients that are so far behind.

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
// It is always in the middle of `accept`, and need not be asked to finish that.
#[heir(crash_loop = never, shutdown = brutal_kill)]
pub(crate) struct Listener {
    #[table(keep, init = TcpListener::bind(address).await?)]
    socket: TcpListener,
    /// How many clients there have been: the last one's number.
    #[table(keep)]
    clients: u64,
    /// The last client, until it has a worker.
    #[table(keep)]
    accepted: Option<Arc<TcpStream>>,
    /// Where it listens, for everybody to read.
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

    /// Accepts a client, unless the incarnation before has and died before it started a worker.
    async fn accept(&mut self) {
        if self.accepted.is_none() {
            let Ok((socket, _)) = self.socket.accept().await else {
                // Most likely there are too many open files.
                return sleep(Duration::from_millis(10)).await;
            };
            // A worker can be killed where it awaits: not between here and there.
            self.clients += 1;
            self.accepted = Some(Arc::new(socket));
        }
        if let Some(socket) = self.accepted.clone() {
            let connection = Connection::spec(self.clients, socket, self.room.clone());
            // If the incarnation before died here, then there may be a worker of this number: for the same socket.
            let started = self.connections.start(self.clients, connection).await;
            if let Err(DynamicError::NotStarted(why)) = started {
                eprintln!("client {} is turned away: {why}", self.clients);
            }
            self.accepted = None;
        }
    }
}

/// Reads from the socket of one client, and writes to it.
#[heir(crash_loop = never, restart = transient)]
pub(crate) struct Connection {
    /// What was read, up to the end of a line that has not been read.
    #[table(rollback)]
    input: Vec<u8>,
    /// What was written.
    #[table(keep)]
    written: Written,
    #[arg]
    client: u64,
    /// An argument lives as long as the child: each incarnation gets the same socket.
    #[arg]
    socket: Arc<TcpStream>,
    #[arg]
    room: RoomHandle,
}

/// So many lines of the room, and so many bytes of the next one.
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
            // The first turn is for what the incarnation before has not done.
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

    /// Reads what is there, and says the lines in it.
    async fn read(&mut self, cx: &mut Context<Self>) -> Result<(), MessageError> {
        self.input.reserve(4096);
        let is_open = match self.socket.try_read_buf(&mut self.input) {
            Ok(bytes) => bytes > 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        // The kernel will not give these bytes again: from here on they stay, whatever becomes of this message.
        cx.commit(self);
        while let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&self.input[..end]).trim_end().to_owned();
            let is_poison = line == POISON;
            // The line leaves `input` and goes to the room in one commit: it does both or neither.
            if is_poison {
                cx.send(self.room.stumble(self.client)).await?;
            } else {
                cx.send(self.room.say(self.client, line)).await?;
            }
            self.input.drain(..=end);
            if is_poison {
                cx.commit(self);
                panic!("the client says {POISON}");
            }
        }
        if !is_open {
            cx.send(self.room.leave(self.client)).await?;
            cx.stop();
        }
        Ok(())
    }

    /// Writes the lines of the room that the client has not got yet. A client that does not read them is not heard, either.
    #[cast]
    async fn write(&mut self) {
        while let Some(line) = self.room.history().get(&(self.written.lines + 1)) {
            if self.socket.writable().await.is_err() {
                return;
            }
            match self.socket.try_write(&line.as_bytes()[self.written.bytes..]) {
                // Nothing comes between the write and its record.
                Ok(bytes) => self.written.bytes += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // It is noticed when the socket is read.
                Err(_) => return,
            }
            if self.written.bytes == line.len() {
                self.written = Written { lines: self.written.lines + 1, bytes: 0 };
            }
        }
    }
}

/// Who is there, and what was said.
#[heir(crash_loop = never)]
pub(crate) struct Room {
    #[table]
    members: Table<u64, ()>,
    /// The lines, from 1 on. The connections read them here.
    #[table]
    pub history: OrderedTable<u64, String>,
    #[arg]
    connections: Dynamic<u64, Connection>,
}

#[handlers]
impl Room {
    /// Each incarnation of a connection joins: only the first one's client comes.
    #[cast]
    #[redeliver(1000)]
    fn join(&mut self, cx: &mut Context<Self>, client: u64) {
        if self.members.insert_new(client, ()) {
            self.append(cx, format!("client {client} has come"));
        }
    }

    #[cast]
    #[redeliver(1000)]
    fn leave(&mut self, cx: &mut Context<Self>, client: u64) {
        if self.members.remove(&client).is_some() {
            self.append(cx, format!("client {client} has left"));
        }
    }

    /// Comes once for each line. If the room dies over it, it is said again: nobody has heard it yet.
    #[cast]
    #[redeliver(1000)]
    fn say(&mut self, cx: &mut Context<Self>, client: u64, line: String) {
        self.append(cx, format!("client {client}: {line}"));
    }

    /// Nobody ever hears this, because the message does not commit.
    #[cast]
    fn stumble(&mut self, cx: &mut Context<Self>, client: u64) {
        self.append(cx, format!("client {client} is never heard"));
        panic!("client {client} says {POISON}");
    }

    #[skip]
    fn append(&mut self, cx: &mut Context<Self>, line: String) {
        let number = self.history.last().map_or(1, |(last, _)| last + 1);
        self.history.insert(number, format!("{number} {line}\n"));
        let members: Vec<_> =
            self.members.keys().filter_map(|member| self.connections.get(&member)).collect();
        cx.after_commit(move || {
            for member in members {
                // If its mailbox is full, there is a `write` in it, or a `read`, which is followed by one.
                let _ = member.try_write();
            }
        });
    }
}

/// The whole server. It is stopped from below: no clients come, all have been heard, the room is empty.
#[supervisor(intensity = 1_000_000, period = "1s")]
pub(crate) struct Chat {
    #[child(args(connections = connections))]
    pub room: Room,
    #[child(intensity = 1_000_000, period = "1s")]
    pub connections: Dynamic<u64, Connection>,
    #[child(args(address: SocketAddr, connections = connections, room = room))]
    pub listener: Listener,
}
