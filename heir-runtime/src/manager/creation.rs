//! The creation of a worker's tables.

use std::pin::pin;

use crate::process::exit::ExitReason;
use crate::table::Readers;
use crate::tree::events::EventKind;
use crate::tree::panics::panicked_in;
use crate::util::caught::{CatchDrop, caught, caught_async};
use crate::worker::Handlers;
use crate::worker::shared::Shared;
use crate::worker::start_step::within;
use crate::worker::tables;

/// Creates the tables of a worker. Returns what is to be told of it, and the arguments.
pub(super) async fn found<W: Handlers>(
    shared: &Shared<W>,
    args: CatchDrop<W::Args>,
) -> Result<(CatchDrop<W::Args>, W::Tables, EventKind), ExitReason> {
    let tables = create(shared, &args, &shared.readers()).await?;
    Ok((args, tables, EventKind::TablesCreated))
}

/// Creates the tables: the user's `init` expressions and `Default`s, within the time for a start.
pub(super) fn create<W: Handlers>(
    shared: &Shared<W>,
    args: &CatchDrop<W::Args>,
    readers: &Readers,
) -> impl Future<Output = Result<W::Tables, ExitReason>> + Send + use<W> {
    let creation = caught(|| W::create(args.get().clone(), readers.clone()));
    let panicked = |message| panicked_in("init", message);
    let readers = readers.clone();
    let creation = async move {
        match caught_async(pin!(creation.map_err(panicked)?)).await {
            Ok(Ok(mut tables)) => {
                // The first contents are no writes of the first message.
                caught(|| tables::commit::<W>(&readers, &mut tables)).map_err(ExitReason::Panic)?;
                Ok(tables)
            }
            Ok(Err(error)) => Err(ExitReason::returned(error)),
            Err(message) => Err(panicked(message)),
        }
    };
    let start_timeout = shared.settings.start_timeout;
    async move { within(start_timeout, "creating its tables", pin!(creation)).await }
}
