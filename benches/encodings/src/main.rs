//! Encodings of rows, side by side, for `docs/decisions/rows-are-stored-by-name.md`.

mod cases;
mod codecs;
mod costs;

use cases::{Case, Outcome};
use codecs::{Bitcode, Cbor4ii, Ciborium, Codec, Json, Minicbor, Named, Postcard, ReadableNamed};
use costs::{Cost, cost, six, small};

struct Lane {
    name: &'static str,
    cases: Vec<Case>,
    small: Cost,
    six: Cost,
}

fn lane<C: Codec>() -> Lane {
    Lane { name: C::NAME, cases: cases::all::<C>(), small: cost::<C, _>(small), six: cost::<C, _>(six) }
}

fn main() {
    // An encoding that panics says so in the table.
    std::panic::set_hook(Box::new(|_| ()));
    let lanes = [
        lane::<ReadableNamed>(),
        lane::<Named>(),
        lane::<Ciborium>(),
        lane::<Json>(),
        lane::<Minicbor>(),
        lane::<Cbor4ii>(),
        lane::<Postcard>(),
        lane::<Bitcode>(),
    ];
    print!("| case |");
    lanes.iter().for_each(|lane| print!(" {} |", lane.name));
    println!("\n|---|{}", "---|".repeat(lanes.len()));
    for at in 0..lanes[0].cases.len() {
        print!("| {} |", lanes[0].cases[at].what);
        for lane in &lanes {
            let outcome = match lane.cases[at].outcome {
                Outcome::Right => "ok",
                Outcome::Wrong => "WRONG",
                Outcome::Error => "error",
                Outcome::Panic => "panic",
            };
            print!(" {outcome} |");
        }
        println!();
    }
    println!("\n| encoding | 8 + 40 B: bytes | encode | decode | six fields: bytes | encode | decode |");
    println!("|---|---|---|---|---|---|---|");
    for Lane { name, small, six, .. } in &lanes {
        print!("| {name} |");
        for Cost { bytes, encode, decode } in [small, six] {
            print!(" {bytes:.0} | {encode:.0} ns | {decode:.0} ns |");
        }
        println!();
    }
}
