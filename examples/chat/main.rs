//! Sockets survive: a chat server whose workers crash a hundred times a second, unnoticed by its clients.
//!
//! `cargo run --example chat` starts the [server], lets four clients talk, and crashes all workers: it
//! kills them after each half of a line, and the clients say poisoned lines. At the end it compares
//! what each client got with what was said. `cargo run --example chat -- serve 7000` serves until
//! ctrl-c: talk to it with `nc 127.0.0.1 7000`, and say `/crash`.

mod server;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use heir_runtime::by_hand::Handlers;
use heir_runtime::prelude::*;
use heir_runtime::supervision::ShutdownReport;
use server::{Chat, ChatHandle, POISON};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

const CLIENTS: usize = 4;
/// In each round each client says a line, and each worker is killed twice.
const ROUNDS: usize = 100;
/// The room has a line for each client that comes, and for each that is said.
const LINES: usize = CLIENTS * (ROUNDS + 1);

#[tokio::main]
async fn main() -> Result<ShutdownReport, BoxError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let port = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => None,
        ["serve", port] => Some(port.parse()?),
        _ => return Err("the arguments are `serve` and a port, or none".into()),
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
    let chat = Chat::start(address).await?;
    chat.listener.wait_serving(1).await?;
    let address = chat.listener.bound().get(&()).ok_or("it does not listen")?;
    if port.is_some() {
        println!("{address}");
        return Ok(chat.run_until_shutdown().await);
    }
    // The panics here are asked for.
    std::panic::set_hook(Box::new(|_| {}));

    let (to_hear, mut heard) = unbounded_channel();
    let (mut clients, mut hearing) = (Vec::new(), Vec::new());
    for client in 0..CLIENTS {
        // The client waits in the backlog until the next incarnation accepts it.
        kill(&chat.listener).await?;
        let (read, write) = TcpStream::connect(address).await?.into_split();
        clients.push(write);
        hearing.push(tokio::spawn(hear(client, read, to_hear.clone())));
    }
    drop(to_hear);
    talk(&chat, &mut clients).await?;

    let mut got = vec![Vec::new(); CLIENTS];
    let all = async {
        while got.iter().any(|lines: &Vec<String>| lines.len() < LINES)
            && let Some((client, line)) = heard.recv().await
        {
            got[client].push(line);
        }
    };
    let is_late = timeout(Duration::from_mins(1), all).await.is_err();
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
    let expected = (1..=CLIENTS).flat_map(|client| {
        let lines = (0..ROUNDS).map(move |round| format!("client {client}: line {round} has two halves\n"));
        lines.chain([format!("client {client} has come\n")])
    });
    let each_once =
        said.len() == LINES && said.iter().cloned().collect::<BTreeSet<_>>() == expected.collect();
    println!("the room has {} lines, each that was said once: {each_once}", said.len());
    for (client, lines) in got.iter().enumerate() {
        let all_once = *lines == said;
        println!("client {client} got {} lines, those of the room in its order: {all_once}", lines.len());
    }
    println!("sockets closed before the end: {closed}, clients that still wait for a line: {is_late}");
    println!(
        "at least {} incarnations of each of {} workers: {}",
        2 * ROUNDS,
        incarnations.len(),
        incarnations.iter().all(|number| *number >= 2 * ROUNDS as u64)
    );
    println!("incarnations of all: {}", incarnations.iter().sum::<u64>());
    Ok(report)
}

/// Has each client say a line in each round, and kills all workers after each half of the lines.
async fn talk(chat: &ChatHandle, clients: &mut [OwnedWriteHalf]) -> Result<(), BoxError> {
    for round in 0..ROUNDS {
        let poison = if round % 10 == 0 { format!("{POISON}\n") } else { String::new() };
        for half in [format!("{poison}line {round} has "), "two halves\n".to_owned()] {
            for client in &mut *clients {
                client.write_all(half.as_bytes()).await?;
            }
            // In each round the workers get a little further before they are killed.
            for _ in 0..round {
                yield_now().await;
            }
            kill_all(chat).await?;
            sleep(Duration::from_millis(4)).await;
        }
    }
    Ok(())
}

/// Sends on what the client hears, until its socket is closed.
async fn hear(client: usize, socket: OwnedReadHalf, to: UnboundedSender<(usize, String)>) {
    let mut lines = BufReader::new(socket).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let _ = to.send((client, line + "\n"));
    }
}

async fn kill_all(chat: &ChatHandle) -> Result<(), Stopped> {
    kill(&chat.listener).await?;
    kill(&chat.room).await?;
    for connection in chat.connections.keys().iter().filter_map(|client| chat.connections.get(client)) {
        kill(&connection).await?;
    }
    Ok(())
}

/// Kills an incarnation. If none lives, it waits for the next.
async fn kill<W: Handlers>(worker: &Handle<W>) -> Result<(), Stopped> {
    while worker.kill().is_none() {
        worker.wait_serving(1).await?;
        yield_now().await;
    }
    Ok(())
}
