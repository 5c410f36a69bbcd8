//! Two functions with one template are told, unless both say `share`.

use cachify::{Cachify, Event, Memory, Observer, Refused, cached, lock, once, pooled};
use std::sync::{Arc, Mutex};

const NOTHING: [&str; 0] = [];

/// What was told: the kind's letter, the template, both paths.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Observer for Told {
    fn event(&self, event: &Event<'_>) {
        if let Event::SharedTemplate { kind, template, functions: [first, second] } = event {
            let (kind, short) = (kind.letter(), |path: &str| path.replace("macros::shared::", ""));
            self.0.lock().unwrap().push(format!("{kind} {template} {} {}", short(first), short(second)));
        }
    }
}

impl Told {
    fn instance() -> (Self, Cachify<Memory>) {
        let told = Self::default();
        (told.clone(), Cachify::builder().observer(told).build_memory())
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[cached(instance = c, key = "page:{path}")]
fn title(c: &Cachify<Memory>, path: &str) -> String {
    let _ = c;
    format!("title of {path}")
}

#[cached(instance = c, key = "page:{path}")]
async fn body(c: &Cachify<Memory>, path: &str) -> String {
    let _ = c;
    format!("body of {path}")
}

struct Page;

impl Page {
    #[cached(instance = c, key = "page:{path}", share)]
    fn length(&self, c: &Cachify<Memory>, path: &str) -> String {
        let _ = c;
        format!("length of {path}")
    }

    #[cached(instance = c, key = "page:{path}", version = 2, companions = methods)]
    fn of_another_version(c: &Cachify<Memory>, path: &str) -> String {
        let _ = c;
        path.to_owned()
    }
}

#[lock(instance = c, key = "item:{id}", share)]
fn reads<T: Copy>(c: &Cachify<Memory>, id: u64, what: T) -> Result<T, Refused> {
    let _ = (c, id);
    Ok(what)
}

#[lock(instance = c, key = "item:{id}", share = true)]
async fn writes(c: &Cachify<Memory>, id: u64) -> Result<u64, Refused> {
    let _ = c;
    Ok(id)
}

#[lock(instance = c, key = "item:{id}", share = false)]
fn deletes(c: &Cachify<Memory>, id: u64) -> Result<u64, Refused> {
    let _ = c;
    Ok(id)
}

/// Its layers are one function, whatever their kinds and instances.
#[once(instance = c, key = "item:{id}")]
#[cached(instance = near, key = "item:{id}")]
#[cached(instance = c, key = "item:{id}")]
#[pooled(instance = c, key = "item:{id}", size = 2)]
fn stacked(c: &Cachify<Memory>, near: &Cachify<Memory>, id: u64) -> Option<u64> {
    let _ = (c, near);
    Some(id)
}

mod one {
    #[cachify::cached(instance = c, key = "{fn}:{id}", companions = false)]
    pub(super) fn named(c: &cachify::Cachify<cachify::Memory>, id: u64) -> u64 {
        let _ = c;
        id
    }
}

mod other {
    use cachify::{Cachify, Memory};

    #[cachify::cached(instance = c, key = "{fn}:{id}", companions = false)]
    pub(super) fn named(c: &Cachify<Memory>, id: u64) -> u64 {
        let _ = c;
        id
    }

    /// Another one of its path.
    pub(super) fn inside(c: &Cachify<Memory>, id: u64) -> u64 {
        #[cachify::cached(instance = c, key = "{fn}:{id}", companions = false)]
        fn named(c: &Cachify<Memory>, id: u64) -> u64 {
            let _ = c;
            id
        }
        named(c, id)
    }
}

#[tokio::test]
async fn a_further_function_of_a_template_is_told_once_by_each_instance() {
    let [(told, c), (also_told, d)] = [Told::instance(), Told::instance()];
    for round in 0..3 {
        assert_eq!(title(&c, "/"), "title of /");
        assert_eq!(body::key(&c, "/").unwrap(), "page:/");
        assert_eq!(told.take(), NOTHING, "nobody called the other one yet, or it was told");
        assert_eq!(body(&c, "/").await, "title of /");
        let first = ["c page:{path} title body"].into_iter().filter(|_| round == 0);
        assert_eq!(told.take(), first.collect::<Vec<_>>());
        // a site remembers one instance, and the instance all sites
        assert_eq!((title(&d, "/"), body(&d, "/").await), ("title of /".into(), "title of /".into()));
        assert_eq!(also_told.take().len(), usize::from(round == 0));
    }
    Page.length(&c, "/");
    assert_eq!(told.take(), ["c page:{path} title Page::length"], "one that shares is told, for the others do not");
    Page::of_another_version(&c, "/");
    assert_eq!(told.take(), NOTHING);
}

#[tokio::test]
async fn functions_that_say_so_share_a_template_in_silence() {
    let (told, c) = Told::instance();
    assert_eq!((reads(&c, 1, 2_u8), reads(&c, 1, "two"), writes(&c, 3).await), (Ok(2), Ok("two"), Ok(3)));
    assert_eq!(told.take(), NOTHING);
    assert_eq!((deletes(&c, 4), deletes(&c, 5)), (Ok(4), Ok(5)));
    assert_eq!(told.take(), ["l item:{id} reads deletes"]);
}

#[test]
fn layers_of_one_function_are_no_two_functions() {
    let ((told, c), (near_told, near)) = (Told::instance(), Told::instance());
    assert_eq!((stacked(&c, &near, 1), stacked(&c, &near, 2)), (Some(1), Some(2)));
    assert_eq!(stacked(&c, &c, 3), Some(3));
    // another kind has keys of its own
    assert_eq!(deletes(&c, 4), Ok(4));
    assert_eq!((told.take(), near_told.take()), (Vec::new(), Vec::new()));
}

#[test]
fn the_path_in_a_template_tells_functions_apart() {
    let (told, c) = Told::instance();
    assert_eq!((one::named(&c, 1), other::named(&c, 2)), (1, 2));
    assert_eq!(told.take(), NOTHING);
    assert_eq!(other::inside(&c, 2), 2);
    assert_eq!(told.take(), ["c {fn}:{id} other::named other::named"]);
}

/// The attributes of devices take it, and tell nobody: the templates would cost flash.
#[cachify_core::lock(instance = c, key = "item:{id}", share)]
fn as_on_a_device(c: &Cachify<Memory>, id: u64) -> Result<u64, Refused> {
    let _ = c;
    Ok(id)
}

#[test]
fn a_device_tells_nobody() {
    let (told, c) = Told::instance();
    assert_eq!((deletes(&c, 1), as_on_a_device(&c, 1)), (Ok(1), Ok(1)));
    assert_eq!(told.take(), NOTHING);
}
