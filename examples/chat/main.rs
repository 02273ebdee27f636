//! Sockets survive: a chat server whose workers crash a hundred times a second, and whose clients do not notice.
//!
//! `cargo run --example chat` starts the [server](server), lets four clients talk, and crashes all workers meanwhile: it kills
//! them between the two halves of each line, and has the clients say poisoned lines. At the end it compares what each client got
//! with what the room has. `cargo run --example chat -- serve 7000` serves until ctrl-c: try it with `nc localhost 7000`, and say
//! `/crash`.

mod server;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use heir_runtime::prelude::*;
use heir_runtime::supervision::ShutdownReport;
use server::{Chat, ChatHandle, POISON};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};

const CLIENTS: usize = 4;
/// Each client says a line in each round, and each worker is killed in each.
const ROUNDS: usize = 100;
/// What each client says, and that it has come.
const LINES: usize = CLIENTS * (ROUNDS + 1);

#[tokio::main]
async fn main() -> Result<ShutdownReport, BoxError> {
    let port = match std::env::args().nth(2) {
        Some(port) => port.parse()?,
        None => 0,
    };
    let chat = Chat::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    chat.listener.wait_serving(1).await?;
    let address = chat.listener.bound().get(&()).ok_or("it does not listen")?;
    if std::env::args().nth(1).is_some_and(|word| word == "serve") {
        println!("{address}");
        return Ok(chat.run_until_shutdown().await);
    }
    // The panics here are asked for.
    std::panic::set_hook(Box::new(|_| {}));

    let (to_hear, mut heard) = unbounded_channel();
    let (mut clients, mut hearing) = (Vec::new(), Vec::new());
    for client in 0..CLIENTS {
        // It waits in the backlog until there is a listener again.
        chat.listener.kill();
        let (read, write) = TcpStream::connect(address).await?.into_split();
        clients.push(write);
        hearing.push(tokio::spawn(hear(client, read, to_hear.clone())));
    }
    drop(to_hear);
    for round in 0..ROUNDS {
        for client in &mut clients {
            client.write_all(format!("line {round} has ").as_bytes()).await?;
        }
        // Whatever the workers do then: it is another thing in each round.
        sleep(Duration::from_micros(round as u64 * 97 % 5_000)).await;
        kill_all(&chat).await?;
        for client in &mut clients {
            client.write_all(b"two halves\n").await?;
        }
        if round % 10 == 9 {
            clients[round / 10 % CLIENTS].write_all(format!("{POISON}\n").as_bytes()).await?;
        }
        sleep(Duration::from_millis(5)).await;
    }

    let mut got = vec![Vec::new(); CLIENTS];
    let all = async {
        while got.iter().any(|lines: &Vec<String>| lines.len() < LINES)
            && let Some((client, line)) = heard.recv().await
        {
            got[client].push(line);
        }
    };
    let is_late = timeout(Duration::from_secs(60), all).await.is_err();
    let closed = hearing.iter().filter(|client| client.is_finished()).count();
    let mut incarnations = vec![chat.room.incarnation(), chat.listener.incarnation()];
    let connections = chat.connections.keys().into_iter().filter_map(|client| chat.connections.get(&client));
    incarnations.extend(connections.map(|connection| connection.incarnation()));
    let history = chat.room.history();
    let said: Vec<String> = history.values().collect();

    let report = chat.shutdown().await;
    // Now the sockets are closed: what is there is all there is.
    while let Some((client, line)) = heard.recv().await {
        got[client].push(line);
    }
    for (client, lines) in got.iter().enumerate() {
        let all_once = *lines == said;
        println!("client {client} got {} lines, those of the room in its order: {all_once}", lines.len());
    }
    println!("sockets closed before the end: {closed}, clients that still wait for a line: {is_late}");
    println!(
        "more than {ROUNDS} incarnations of each of {} workers: {}",
        incarnations.len(),
        incarnations.iter().all(|number| *number > ROUNDS as u64)
    );
    println!("incarnations: {}", incarnations.iter().sum::<u64>());
    Ok(report)
}

/// Sends on what the client hears, until its socket is closed.
async fn hear(client: usize, socket: OwnedReadHalf, to: UnboundedSender<(usize, String)>) {
    let mut lines = BufReader::new(socket).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let _ = to.send((client, line + "\n"));
    }
}

/// Kills the listener, the room, and each connection, once they live.
async fn kill_all(chat: &ChatHandle) -> Result<(), Stopped> {
    chat.listener.wait_serving(1).await?;
    chat.listener.kill();
    chat.room.wait_serving(1).await?;
    chat.room.kill();
    for connection in chat.connections.keys().iter().filter_map(|client| chat.connections.get(client)) {
        connection.wait_serving(1).await?;
        connection.kill();
    }
    Ok(())
}
