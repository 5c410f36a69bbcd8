//! A run that succeeded on a device, whose completion was not heard: told again until it is.

use crate::{
    pipe::{Faults, Line},
    world::{Device, LONG, MS, Store, World, connected, device, named, pass, world},
};
use cachify_core::{Instance, Ran, Refused, key::Kind, once, store::Inspect, testing::ManualClock};

const MUTE: Faults = Faults {
    flips: 0,
    losses: 0,
    additions: 0,
    doubles: 0,
    gaps: 0,
    delays: 0,
    cut: true,
    broken: false,
    closed: false,
};

#[once(instance = device, key = "k", ttl = "1000s", keep = "2000s", companions = false)]
async fn job(device: &Device<'_>, before_its_end: impl FnOnce()) -> Result<(), Refused> {
    before_its_end();
    Ok(())
}

/// The request is lost, or its answer; the holder waits for it, or does not.
#[test]
fn the_completion_of_a_run_that_was_not_heard_is_repeated() {
    for by_attribute in [false, true] {
        for to_device in [false, true] {
            for gives_up in [false, true] {
                world!(clock, store, local, device, line, world);
                let silent = if to_device { &line.down } else { &line.up };
                world.spawn(async {
                    let lose = || silent.set(MUTE);
                    let done = async {
                        if by_attribute {
                            job(&device, lose).await.unwrap();
                        } else {
                            let once = device.once("k").ttl(10 * LONG).keep(20 * LONG);
                            assert_eq!(once.run(async |_| lose()).await, Ok(Ran::Ran(())));
                        }
                    };
                    if gives_up {
                        let _ = cachify_core::drive::beside(done, pass(&clock, 20 * MS)).await;
                    } else {
                        done.await;
                    }
                    pass(&clock, 1_000 * MS).await;
                    line.set(Faults::default());
                    pass(&clock, 5_000 * MS).await;
                });
                assert!(world.run(LONG, || ()));
                let what = format!("by attribute {by_attribute}, answer lost {to_device}, gives up {gives_up}");
                // past its lease: what skips others is the marker
                clock.advance(11 * LONG);
                let remaining = store.remaining(named(Kind::Once)).unwrap();
                assert!(remaining.is_some(), "the marker was lost: {what}");
                assert!(matches!(local.once("k").run_blocking(|_| ()), Ok(Ran::Skipped(_))), "{what}");
                assert_eq!(device.store().tally().forgotten, 0, "{what}");
            }
        }
    }
}
