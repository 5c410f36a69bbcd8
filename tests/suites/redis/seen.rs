//! What is counted and drawn of an instance on real servers, through outages: what its callers saw, to the last call.
#![allow(clippy::float_cmp, clippy::cast_sign_loss, reason = "whole numbers, far from where they are cut")]

use super::world::{everywhere, millis, over, patient, run, until};
use cachify::{Event, Holding, KeyTemplate, Observer, Refused, cachify_core::key::Arguments, secs};
use cachify_tests::{numbers::numbers, proxy::Proxy, spans::spans};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

/// Counts losses as they are told.
#[derive(Clone, Default)]
struct Losses(Arc<AtomicU32>);

impl Observer for Losses {
    fn event(&self, event: &Event<'_>) {
        if let Event::Lost { .. } = event {
            self.0.fetch_add(1, SeqCst);
        }
    }
}

/// What callers were answered.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<BTreeMap<&'static str, u32>>>);

impl Answers {
    fn note(&self, why: Option<&Refused>) {
        let word = match why {
            None => "granted",
            Some(Refused::Busy { .. }) => "busy",
            Some(Refused::Unavailable { .. }) => "unavailable",
            Some(Refused::Indeterminate { .. }) => "indeterminate",
            Some(other) => panic!("{other}"),
        };
        *self.0.lock().unwrap().entry(word).or_default() += 1;
    }
}

/// Polls all of them until each has ended.
async fn all<F: Future<Output = ()> + Unpin>(mut tasks: Vec<F>) {
    std::future::poll_fn(|cx| {
        tasks.retain_mut(|task| std::pin::Pin::new(task).poll(cx).is_pending());
        if tasks.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

const TASKS: u64 = 8;
const ROUNDS: u64 = 40;

#[test]
fn numbers_are_what_callers_saw_through_outages() {
    numbers();
    let count = AtomicU32::new(0);
    everywhere(|server| {
        let name = format!("through outages {}:{{}}", count.fetch_add(1, SeqCst));
        let (proxy, direct) = (Proxy::to(server.port()), over(&server));
        let (answers, losses, runs) = (Answers::default(), Losses::default(), AtomicU32::new(0));
        let builder = patient(server.url_at(proxy.port())).op_timeout(millis(300)).metrics(true);
        let c = builder.observer(losses.clone()).build().unwrap();
        let template = KeyTemplate::parse(&name).unwrap();
        run(async {
            let task = async |task: u64| {
                for round in 0..ROUNDS {
                    let id = (task + round) % 3;
                    let arguments = Arguments { positional: &[&id], ..Arguments::default() };
                    let lock = c.lock(template.with(arguments)).ttl(millis(600)).wait(millis(100));
                    let got = lock.acquire().await;
                    answers.note(got.as_ref().err());
                    if let Ok(guard) = got {
                        tokio::time::sleep(millis(if round % 16 == 0 { 350 } else { 2 })).await;
                        if round % 11 == 3 {
                            let arguments = Arguments { positional: &[&id], ..Arguments::default() };
                            let _ = direct.lock(template.with(arguments)).force_release().await;
                        }
                        if round % 2 == 0 {
                            let _ = guard.release().await;
                        }
                    }
                    let load = async || {
                        runs.fetch_add(1, SeqCst);
                        Ok::<u64, ()>(round)
                    };
                    let arguments = Arguments { positional: &[&round], ..Arguments::default() };
                    assert_eq!(
                        c.cache(template.with(arguments)).ttl(secs(60)).get_or_insert_with(load).await,
                        Ok(round)
                    );
                }
            };
            let outages = async {
                for _ in 0..4 {
                    tokio::time::sleep(millis(150)).await;
                    proxy.refuse();
                    proxy.cut();
                    tokio::time::sleep(millis(120)).await;
                    proxy.accept();
                    proxy.heal();
                }
            };
            let tasks = (0..TASKS).map(|at| Box::pin(task(at)));
            tokio::join!(all(tasks.collect()), outages);
            c.shutdown(secs(5)).await;
        });
        let (all, of) = (numbers(), [("primitive", "lock"), ("name", name.as_str())]);
        let seen = answers.0.lock().unwrap().clone();
        println!("{seen:?}, {} lost", losses.0.load(SeqCst));
        assert_eq!(seen.values().sum::<u32>(), (TASKS * ROUNDS) as u32);
        for outcome in ["granted", "busy", "unavailable", "indeterminate"] {
            let with = [of[0], of[1], ("outcome", outcome)];
            let expected = seen.get(outcome).copied().unwrap_or_default();
            assert_eq!(all.sum("cachify_acquire_total", &with) as u32, expected, "{outcome}");
            assert_eq!(all.samples("cachify_acquire_wait_seconds", &with).len() as u32, expected, "{outcome}");
        }
        assert_eq!(all.samples("cachify_hold_duration_seconds", &of).len() as u32, seen["granted"]);
        assert_eq!((all.sum("cachify_held", &of), all.sum("cachify_waiting", &of)), (0.0, 0.0));
        assert!(losses.0.load(SeqCst) > 0, "some were taken away");
        assert_eq!(all.sum("cachify_lost_total", &of) as u32, losses.0.load(SeqCst));
        let came =
            |result| all.sum("cachify_cache_requests_total", &[("name", name.as_str()), ("result", result)]) as u32;
        assert!(came("miss") <= runs.load(SeqCst), "a miss is a load");
        assert!(came("hit") + came("joined") + runs.load(SeqCst) >= (TASKS * ROUNDS) as u32);
        assert!(all.sum("cachify_renewals_total", &[("primitive", "lock"), ("outcome", "held")]) > 0.0);
        assert!(all.sum("cachify_store_errors_total", &[]) > 0.0);
        assert!(
            !all.samples("cachify_store_operation_duration_seconds", &[("op", "acquire"), ("outcome", "ok")])
                .is_empty()
        );
    });
}

/// Dropped in a task, it is given back in the background, where nobody asks who it was.
#[test]
fn a_loss_that_the_background_hears_of_is_told_inside_of_the_span() {
    spans();
    let count = AtomicU32::new(0);
    everywhere(|server| {
        let name = format!("dropped {}:{{}}", count.fetch_add(1, SeqCst));
        let template = KeyTemplate::parse(&name).unwrap();
        let arguments = Arguments { positional: &[&7], ..Arguments::default() };
        run(async {
            let c = patient(server.url()).tracing(true).build().unwrap();
            let lock = c.lock(template.with(arguments)).ttl(Duration::from_secs(60));
            let guard = lock.acquire().await.unwrap();
            assert!(over(&server).lock(template.with(arguments)).force_release().await.unwrap());
            drop(guard);
            let told = || spans().named(&name).into_iter().find(|told| told.name == "cachify.lock").unwrap();
            until(|| {
                told()
                    .events
                    .iter()
                    .any(|(level, fields)| *level == tracing::Level::WARN && fields["error.type"] == "taken")
            })
            .await;
            until(|| told().ended.is_some()).await;
            assert_eq!(spans().outside(&name), 0);
            let again = lock.acquire().await.unwrap();
            assert_eq!(again.release().await, Ok(Holding::Held));
        });
    });
}
