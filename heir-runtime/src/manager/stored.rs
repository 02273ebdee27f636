//! Tables that a store keeps: how the manager gets them from there, and what it does when the store
//! has failed.

use super::creation::{self, create};
use crate::estate::Lease;
use crate::process::exit::ExitReason;
use crate::store::Store;
use crate::store::claim::{LoadedTables, NotLoaded, claim_and_load, claim_and_load_beside, declared};
use crate::store::engine::{Claimed, Declared};
use crate::store::ledger::Ledger;
use crate::store::values;
use crate::table::Readers;
use crate::tree::events::EventKind;
use crate::util::caught::{CatchDrop, caught, drop_caught};
use crate::worker::Handlers;
use crate::worker::gates::{Gated as _, Gates};
use crate::worker::shared::Shared;

/// What a worker is told whose tree has no store.
const NO_STORE: &str = "it is declared with `survives = process`, and its tree has no store: give the tree's builder \
                        one with `.store(Store::open(path)?)`";

/// Loads the tables of a worker, creates those that are new, and waits until the store keeps that. Returns
/// what is to be told of it, and the arguments.
pub(super) async fn found<W: Handlers>(
    shared: &Shared<W>,
    args: CatchDrop<W::Args>,
) -> Result<(CatchDrop<W::Args>, W::Tables, EventKind), ExitReason> {
    if let Some(gates) = &shared.gates {
        // In a box: others take no memory for it.
        return Box::pin(found_in_store(shared, gates, args)).await;
    }
    creation::found(shared, args).await
}

async fn found_in_store<W: Handlers>(
    shared: &Shared<W>,
    gates: &Gates<W>,
    args: CatchDrop<W::Args>,
) -> Result<(CatchDrop<W::Args>, W::Tables, EventKind), ExitReason> {
    let store = store_of(shared)?;
    let (mut readers, made) = load(shared, &store, gates).await?;
    loop {
        let seen = until_open(shared, &store).await?;
        let tables = create(shared, &args, &readers).await?;
        match gates.ledger().are_created().await {
            Ok(()) => return Ok((args, tables, made)),
            Err(error) if store.failures() != seen => shared.tell_failure(&error),
            Err(error) => return Err(ExitReason::error(error)),
        }
        let _ = drop_caught(tables);
        readers = go_on_creating(shared, gates).await?;
    }
}

/// Claims the tables of a worker, and loads what the store has of them, once. Returns readers that know
/// which of the tables are there already, and what is to be told when the others are created.
async fn load<W: Handlers>(
    shared: &Shared<W>,
    store: &Store,
    gates: &Gates<W>,
) -> Result<(Readers, EventKind), ExitReason> {
    if gates.ledger().has_place() {
        return Ok((go_on_creating(shared, gates).await?, made(gates)));
    }
    let beside = gates.take_loading();
    let beside = match beside {
        Some(beside) => beside.wait().await,
        None => None,
    };
    let loaded = match beside {
        Some(loaded) => loaded,
        None => claim_and_load_now(shared, store).await?,
    };
    let (claimed, rows, stored) = loaded.keep();
    let readers = shared.readers();
    readers.take_over(&rows, claimed.last);
    let tables = stored.iter().zip(&claimed.tables);
    let known = tables.filter(|(_, claimed)| !claimed.is_new).map(|(table, _)| table.place);
    let readers = readers.known(known);
    shared.read(readers.clone());
    gates.ledger().is_claimed(store.clone(), &claimed, stored);
    gates.wait_for_records();
    Ok((readers, made(gates)))
}

/// What is to be told when the tables are there.
fn made<W: Handlers>(gates: &Gates<W>) -> EventKind {
    if gates.ledger().is_loaded() { EventKind::TablesLoaded } else { EventKind::TablesCreated }
}

/// Claims the tables of a worker and loads them, again if the store fails meanwhile.
async fn claim_and_load_now<W: Handlers>(
    shared: &Shared<W>,
    store: &Store,
) -> Result<LoadedTables, ExitReason> {
    loop {
        let seen = until_open(shared, store).await?;
        let identity = shared.registry().identity_of(&shared.name);
        match claim_and_load(store, identity, W::stored(), shared.readers().anew()).await {
            Ok(loaded) => return Ok(loaded),
            Err(NotLoaded::Failed(_)) if store.failures() != seen => {}
            Err(NotLoaded::Failed(error)) => return Err(ExitReason::error(error)),
            Err(NotLoaded::Panicked(message)) => return Err(ExitReason::Panic(message)),
            Err(NotLoaded::Ended) => return Err(ExitReason::Killed),
        }
    }
}

/// Begins to claim and load the tables of a worker whose turn to start comes later.
pub(crate) fn load_beside<W: Handlers>(shared: &Shared<W>) {
    if let (Some(gates), Some(store)) = (&shared.gates, shared.registry().store())
        && !store.is_inline()
        && !gates.ledger().has_place()
    {
        let identity = shared.registry().identity_of(&shared.name);
        gates.loads(claim_and_load_beside(store, identity, W::stored(), shared.readers().anew()));
    }
}

fn store_of<W: Handlers>(shared: &Shared<W>) -> Result<Store, ExitReason> {
    shared.registry().store().ok_or_else(|| ExitReason::error(NO_STORE))
}

/// Waits until the store can keep something. Returns how often it has failed until then.
async fn until_open<W: Handlers>(shared: &Shared<W>, store: &Store) -> Result<u64, ExitReason> {
    if let Some(error) = store.failure() {
        shared.tell_failure(&error);
    }
    store.until_open().await.map_err(ExitReason::error)
}

/// Claims the tables of a worker, again if the store fails meanwhile.
async fn claim<W: Handlers>(
    shared: &Shared<W>,
    store: &Store,
    declared: Declared,
) -> Result<Claimed, ExitReason> {
    loop {
        let seen = until_open(shared, store).await?;
        match store.claim(declared.clone()).await {
            Err(_) if store.failures() != seen => {}
            claimed => return claimed.map_err(ExitReason::error),
        }
    }
}

/// The tables are loaded, and whoever created those that are new has died, or the store has failed
/// meanwhile: begins that again, unless the store has their first rows.
async fn go_on_creating<W: Handlers>(shared: &Shared<W>, gates: &Gates<W>) -> Result<Readers, ExitReason> {
    let (ledger, readers) = (gates.ledger(), shared.readers());
    ledger.until_even().await;
    if ledger.failed().is_some() {
        let _ = drop_caught(forget_unknown(shared, gates).await?);
    }
    if !ledger.has_first_rows() {
        return Ok(readers);
    }
    let readers = readers.known(W::stored().iter().map(|table| table.place));
    shared.read(readers.clone());
    Ok(readers)
}

/// If the store has failed: waits until it is known what it has kept, and drops the rest from the
/// tables. Then finishes what has become durable.
pub(super) async fn settle<W: Handlers>(
    shared: &Shared<W>,
    lease: &mut Lease<W::Tables>,
) -> Result<(), ExitReason> {
    let Some(gates) = &shared.gates else { return Ok(()) };
    let ledger = gates.ledger();
    loop {
        // A manager may have died over it.
        if ledger.is_exchanging() {
            ledger.until_even().await;
        }
        if let Some(error) = ledger.failed() {
            shared.tell_failure(&error);
            if let Some(mut saved) = forget_unknown(shared, gates).await? {
                let restored = caught(|| W::restore(lease, &mut saved));
                lease.cell().set_torn(restored.err());
                let _ = drop_caught(saved);
            }
            // What a verify hook has changed was no message.
            let readers = shared.readers();
            if let Err(message) = caught(|| values::return_to_rows(&readers, &mut W::values(lease))) {
                lease.cell().set_torn(Some(message));
            }
        }
        if !ledger.is_ahead() {
            break;
        }
        let readers = shared.readers();
        readers.go_on_after(ledger.last() + 1);
        if let Err(error) = ledger.exchange(&readers).await
            && ledger.failed().is_none()
        {
            return Err(ExitReason::error(error));
        }
    }
    let before: Vec<_> = ledger.before().iter().flat_map(|before| before.finish()).collect();
    let own = gates.finish_returned(|told| shared.emit(told)).into_iter().map(|(_, message)| message);
    for message in before.into_iter().chain(own) {
        shared.emit(EventKind::CodePanicked { message });
    }
    Ok(())
}

/// Waits until it is known what a store that has failed has kept, and forgets the rest. Returns the
/// `rollback` tables as they were before the first message that is not there.
async fn forget_unknown<W: Handlers>(
    shared: &Shared<W>,
    gates: &Gates<W>,
) -> Result<Option<W::Saved>, ExitReason> {
    let ledger = gates.ledger();
    ledger.until_known().await.map_err(ExitReason::error)?;
    shared.readers().forget_unshown();
    // What a verify hook has changed is not there either.
    shared.examined_none();
    let saved = gates.drop_unknown();
    for before in ledger.before() {
        before.give_up_unknown();
    }
    ledger.goes_on();
    Ok(saved)
}

/// Waits until all that was committed to the tables is durable, or known to be dropped.
pub(super) async fn until_even<W: Handlers>(
    shared: &Shared<W>,
    lease: &mut Lease<W::Tables>,
) -> Result<(), ExitReason> {
    if let Some(gates) = &shared.gates {
        gates.ledger().until_even().await;
    }
    settle(shared, lease).await
}

/// Has the store keep that this incarnation may own the tables: its number is then known to be used,
/// whatever becomes of the process.
pub(super) async fn keep_number<W: Handlers>(shared: &Shared<W>, incarnation: u64) -> Result<(), ExitReason> {
    let Some(gates) = &shared.gates else { return Ok(()) };
    if gates.ledger().keeps_number(incarnation) {
        return Ok(());
    }
    let store = store_of(shared)?;
    loop {
        let seen = until_open(shared, &store).await?;
        match gates.ledger().keep_number(incarnation).await {
            Err(_) if store.failures() != seen => {}
            kept => return kept.map_err(ExitReason::error),
        }
    }
}

/// Has the store keep the rows that are to be parked, under a name of their own.
pub(super) async fn keep_parked<W: Handlers>(shared: &Shared<W>) -> Result<(), ExitReason> {
    if shared.gates.is_none() {
        return Ok(());
    }
    let store = store_of(shared)?;
    let identity = shared.registry().identity_of(&shared.name);
    for number in 1_u32.. {
        let stored = W::stored();
        let named = declared(format!("{identity} (quarantined {number})"), &stored);
        let claimed = claim(shared, &store, named).await?;
        // Dropped, it gives up the claim.
        let parked = Ledger::new();
        parked.is_claimed(store.clone(), &claimed, stored);
        if claimed.last == 0 {
            return parked.exchange(&shared.readers()).await.map_err(ExitReason::error);
        }
    }
    Ok(())
}

/// Has the store keep that all rows are exchanged for those of `new`, before they are.
pub(super) async fn keep_exchange<W: Handlers>(shared: &Shared<W>, new: &Readers) -> Result<(), ExitReason> {
    match &shared.gates {
        Some(gates) => gates.ledger().exchange(new).await.map_err(ExitReason::error),
        None => Ok(()),
    }
}
