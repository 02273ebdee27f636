//! The workers of the service. Each knows only the handles that it is given.

use std::time::Duration;

use heir_runtime::prelude::*;
use tokio::time::Instant;

/// How long a session is open.
const OPEN: Duration = Duration::from_millis(300);

/// The sessions that are open, each with its user and its end.
#[heir]
pub(crate) struct Sessions {
    #[table]
    pub(crate) open: OrderedTable<u64, (String, Instant)>,
    #[table]
    pub(crate) counts: Table<&'static str, u64>,
    #[arg]
    users: Dynamic<String, User>,
}

#[handlers]
impl Sessions {
    /// Opens a session, and lets the user know; `None` if there is no such user.
    pub(crate) async fn login(
        &mut self,
        cx: &mut Context<Self>,
        user: String,
    ) -> Result<Option<u64>, MessageError> {
        let Some(known) = self.users.get(&user) else { return Ok(None) };
        let session = self.counts.add("opened", 1);
        self.open.insert(session, (user, Instant::now() + OPEN));
        cx.send(known.logged_in()).await?;
        Ok(Some(session))
    }

    /// Served again if a crash interrupts it. A session that is closed twice counts once.
    #[cast]
    #[redeliver(100)]
    pub(crate) fn close(&mut self, sessions: Vec<u64>) {
        for session in sessions {
            if self.open.remove(&session).is_some() {
                self.counts.add("closed", 1);
            }
        }
    }
}

/// Closes the sessions whose time is over.
#[heir]
pub(crate) struct Expiry {
    #[table(rollback)]
    sweeps: u64,
    #[arg]
    sessions: SessionsHandle,
}

#[handlers]
impl Expiry {
    /// The clock belongs to the worker: it keeps its grid, however often incarnations crash.
    #[every("50ms")]
    async fn sweep(&mut self, cx: &mut Context<Self>) {
        self.sweeps += 1;
        let now = Instant::now();
        // Read from here, while the worker of the sessions serves others, or is down.
        let open = self.sessions.open();
        let expired: Vec<u64> =
            open.iter().filter(|(_, (_, end))| *end <= now).map(|(session, _)| session).collect();
        // Sessions that have stopped for good expire no more.
        if !expired.is_empty() && cx.send(self.sessions.close(expired)).await.is_err() {
            cx.stop();
        }
    }
}

/// What each user has spent, and how much that may be.
#[heir]
pub(crate) struct Ledger {
    #[table]
    pub(crate) spent: Table<String, u64>,
    #[arg]
    limit: u64,
    #[arg]
    users: Dynamic<String, User>,
}

#[handlers]
impl Ledger {
    /// Served again if a crash interrupts it, and undone each time but the last.
    #[cast]
    #[redeliver(100)]
    pub(crate) async fn book(&mut self, cx: &mut Context<Self>, user: String, amount: u64) {
        let spent = self.spent.add(user.clone(), amount);
        if spent >= self.limit
            && let Some(user) = self.users.get(&user)
        {
            // A user who has stopped for good spends no more.
            let _ = cx.send(user.block()).await;
        }
    }
}

/// One user. There is a worker for each, which is started when it is first asked for.
#[heir]
pub(crate) struct User {
    #[table(rollback)]
    pub(crate) account: Account,
    #[arg]
    name: String,
    #[arg]
    sessions: SessionsHandle,
    #[arg]
    ledger: LedgerHandle,
}

#[derive(Clone, Default)]
pub(crate) struct Account {
    pub(crate) spent: u64,
    logins: u64,
    blocked: bool,
}

/// How a user's worker is made from the user's name.
#[expect(clippy::ptr_arg, reason = "the key is a `String`")]
pub(crate) fn user(name: &String, sessions: SessionsHandle, ledger: LedgerHandle) -> Spec<User> {
    User::spec(name.clone(), sessions, ledger).name("user")
}

#[handlers]
impl User {
    /// Spends one, and returns what was spent so far; `None` without an open session, or over the
    /// limit.
    pub(crate) async fn spend(
        &mut self,
        cx: &mut Context<Self>,
        session: u64,
    ) -> Result<Option<u64>, MessageError> {
        let is_open = self.sessions.open().get(&session).is_some_and(|(user, _)| user == self.name);
        if self.account.blocked || !is_open {
            return Ok(None);
        }
        self.account.spent += 1;
        // It leaves with the commit of this message: the ledger has what the caller is answered, and no more.
        cx.send(self.ledger.book(self.name.clone(), 1)).await?;
        Ok(Some(self.account.spent))
    }

    #[cast]
    #[redeliver(100)]
    pub(crate) fn logged_in(&mut self) {
        self.account.logins += 1;
    }

    #[cast]
    #[redeliver(100)]
    pub(crate) fn block(&mut self) {
        self.account.blocked = true;
    }

    pub(crate) fn spent(&mut self) -> u64 {
        self.account.spent
    }

    pub(crate) fn logins(&mut self) -> u64 {
        self.account.logins
    }

    pub(crate) fn blocked(&mut self) -> bool {
        self.account.blocked
    }

    #[cast]
    pub(crate) fn crash(&mut self) {
        panic!("{} is a bad user", self.name);
    }
}
