//! A service is one declared tree: sessions, a worker for each user, an expiry and a ledger, which all call each other.
//!
//! `cargo run --example service` lets twenty users spend, while every worker is killed a hundred times a second,
//! and compares the totals with what was answered. One user is poison: the service gives her up alone, and takes her table.
//! tokio's clock is paused, so that takes no time. `cargo run --example service -- run` serves until ctrl-c.

mod workers;

use std::collections::BTreeMap;
use std::time::Duration;

use heir_runtime::prelude::*;
use heir_runtime::supervision::{DynamicError, ShutdownReport};
use tokio::task::yield_now;
use tokio::time::sleep;

use self::workers::{Expiry, Ledger, Sessions, User, UserHandle, user};

/// The whole service. Its children are given each other's handles before any of them starts.
#[supervisor(intensity = 1_000, period = "1s")]
struct Service {
    #[child(args(users = users))]
    sessions: Sessions,
    #[child(args(sessions = sessions, ledger = ledger), each = user, intensity = 300, period = "1s", max_given_up = 3)]
    users: Dynamic<String, User>,
    #[child(args(sessions = sessions))]
    expiry: Expiry,
    #[child(args(limit: u64, users = users))]
    ledger: Ledger,
}

/// How much a user may spend.
const LIMIT: u64 = 50;
/// How long a user waits before she spends again, and how often each worker is killed.
const STEP: Duration = Duration::from_millis(10);

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<ShutdownReport, BoxError> {
    if std::env::args().any(|word| word == "run") {
        tokio::time::resume(); // the clock of the demonstration is paused
        let service = Service::start(LIMIT).await?;
        println!("{}\nctrl-c ends it", service.tree());
        return Ok(service.run_until_shutdown().await);
    }
    heir_runtime::testing::quiet_panics();
    let service = Service::start(LIMIT).await?;
    let storm = tokio::spawn(kill_all_the_time(service.clone()));

    let names: Vec<String> = (0..20).map(|number| format!("user {number:02}")).collect();
    let spending: Vec<_> =
        names.iter().cloned().map(|name| tokio::spawn(spend(service.clone(), name))).collect();
    let poisoned = tokio::spawn(poison(service.clone()));
    let mut spent = BTreeMap::new();
    for (name, spending) in names.iter().zip(spending) {
        spent.insert(name.clone(), spending.await??);
    }
    println!("{}", poisoned.await??);
    // The last sessions expire, and the last messages arrive.
    sleep(Duration::from_secs(1)).await;
    storm.abort();

    let booked: BTreeMap<String, u64> = service.ledger.spent().iter().collect();
    println!("the ledger has what the users were answered: {}", booked == spent);
    let (mut logins, mut exact, mut blocked) = (0, true, 0);
    for (name, spent) in &spent {
        let user = service.users.get_or_start(name.clone()).await?;
        exact &= user.spent().await? == *spent;
        logins += user.logins().await?;
        blocked += u64::from(user.blocked().await?);
    }
    println!("so have the users: {exact}; {blocked} of {} have come to their limit", spent.len());
    let sessions = &service.sessions;
    let [opened, closed] = ["opened", "closed"].map(|what| sessions.counts().get(what).unwrap_or(0));
    let open = sessions.open().len() as u64;
    println!(
        "each session is closed, and its user has been told: {}",
        opened == closed && open == 0 && logins == opened
    );
    let least = [sessions.incarnation(), service.ledger.incarnation(), service.expiry.incarnation()];
    println!("more than 100 incarnations of each: {}", least.iter().all(|number| *number > 100));
    println!("{}", service.health());
    Ok(service.shutdown().await)
}

/// One user logs in and spends until the ledger has blocked her; returns how much was answered.
async fn spend(service: ServiceHandle, name: String) -> Result<u64, DynamicError<UserHandle>> {
    let mut answered = 0;
    loop {
        let user = service.users.get_or_start(name.clone()).await?;
        if user.blocked().await.is_ok_and(|blocked| blocked) {
            return Ok(answered);
        }
        // A call that a crash has failed has done nothing: the user tries again.
        let Ok(Ok(Some(session))) = service.sessions.login(name.clone()).await else { continue };
        loop {
            sleep(STEP).await;
            match user.spend(session).await {
                Ok(Ok(Some(spent))) => answered = spent,
                Ok(_) => break,
                Err(_died) => {}
            }
        }
    }
}

/// One user crashes her worker with each message: the others do not notice.
async fn poison(service: ServiceHandle) -> Result<String, BoxError> {
    let name = String::from("mallory");
    let user = service.users.get_or_start(name.clone()).await?;
    let mut crashes = 0;
    while user.crash().await.is_ok() {
        crashes += 1;
        yield_now().await;
    }
    let Err(DynamicError::GaveUp { reason, .. }) = service.users.get_or_start(name.clone()).await else {
        return Err("it was not given up".into());
    };
    let tables = service.users.take(&name).await.map_err(|error| error.to_string())?;
    let many = crashes > 300;
    Ok(format!(
        "{name} was given up ({reason}) after more than 300 crashes: {many}; she has spent {}",
        tables.account.spent
    ))
}

/// Kills every worker a hundred times a second, each time a little later in what it does.
async fn kill_all_the_time(service: ServiceHandle) {
    for turn in 0.. {
        sleep(STEP).await;
        for _ in 0..turn % 23 {
            yield_now().await;
        }
        service.sessions.kill();
        service.expiry.kill();
        for (_, user) in service.users.iter() {
            user.kill();
        }
        yield_now().await;
        service.ledger.kill();
    }
}
