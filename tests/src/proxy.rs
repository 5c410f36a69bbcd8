//! A wire between a client and a server that a test can cut, stop up or make long.
//!
//! One thread accepts, two per connection carry bytes; all of them end when the proxy is dropped. What a blackhole
//! swallowed does not come back when it heals: a client has to survive that by giving the connection up.
#![allow(clippy::missing_panics_doc, reason = "a harness that cannot go on ends the test")]

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread::{self, JoinHandle},
    time::Duration,
};

/// One way of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What a client asks.
    ToServer,
    /// What the server answers.
    ToClient,
}

/// A proxy on a free port of loopback.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A faultless wire to `server`, a port on loopback. The server need not listen yet.
    #[must_use]
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let port = listener.local_addr().expect("a bound port is known").port();
        let shared = Arc::<Shared>::default();
        let accepting = thread::spawn({
            let shared = shared.clone();
            move || shared.accept_all(&listener, server)
        });
        Self { port, shared, accepting: Some(accepting) }
    }

    /// Where clients connect.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How many connections there have been, refused ones not counted.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.state().accepted
    }

    /// How many connections are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.state().links.iter().filter(|link| link.strong_count() > 0).count()
    }

    /// Every connection is closed, on both ends. New ones are welcome.
    pub fn cut(&self) {
        self.shared.change(State::cut);
    }

    /// New connections are closed as soon as they are made. Open ones live on.
    pub fn refuse(&self) {
        self.shared.change(|state| state.refusing = true);
    }

    /// New connections are carried again.
    pub fn accept(&self) {
        self.shared.change(|state| state.refusing = false);
    }

    /// Bytes in this direction vanish, and so does the news that their sender closed the connection.
    pub fn blackhole(&self, direction: Direction) {
        self.shared.change(|state| state.way(direction).blackhole = true);
    }

    /// Whatever the connections of this moment carry vanishes from now on, and nobody is told; new ones are carried.
    pub fn strand(&self) {
        self.shared.change(|state| state.stranded = state.accepted);
    }

    /// One byte in `one_in` is changed or lost on its way, in this direction.
    pub fn garble(&self, direction: Direction, one_in: u32) {
        self.shared.change(|state| state.way(direction).garbled = one_in);
    }

    /// Whatever arrives in this direction is held for so long before it goes on.
    pub fn delay(&self, direction: Direction, delay: Duration) {
        self.shared.change(|state| state.way(direction).delay = delay);
    }

    /// The wire is faultless again. What is being held goes on at once.
    pub fn heal(&self) {
        self.shared.change(|state| {
            state.refusing = false;
            state.ways = <[Way; 2]>::default();
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.closing = true;
            state.refusing = true;
            state.cut();
        });
        // the accepting thread looks up from its listener only for a connection
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    closing: bool,
    refusing: bool,
    ways: [Way; 2],
    accepted: u64,
    stranded: u64,
    cuts: u64,
    links: Vec<Weak<Link>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Way {
    blackhole: bool,
    delay: Duration,
    /// One byte in so many; zero is none.
    garbled: u32,
}

impl State {
    fn way(&mut self, direction: Direction) -> &mut Way {
        &mut self.ways[direction as usize]
    }

    fn swallows(&mut self, link: &Link, direction: Direction) -> bool {
        link.number <= self.stranded || self.way(direction).blackhole
    }

    fn cut(&mut self) {
        self.cuts += 1;
        self.links.drain(..).filter_map(|link| link.upgrade()).for_each(|link| link.close());
    }
}

/// One carried connection.
#[derive(Debug)]
struct Link {
    client: TcpStream,
    server: TcpStream,
    /// Cuts before it was made: one more, and it is cut.
    cuts: u64,
    /// Which one it is.
    number: u64,
}

impl Link {
    fn close(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    const fn ends(&self, direction: Direction) -> (&TcpStream, &TcpStream) {
        match direction {
            Direction::ToServer => (&self.client, &self.server),
            Direction::ToClient => (&self.server, &self.client),
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// Returns once the proxy closes and every connection's threads have ended.
    fn accept_all(&self, listener: &TcpListener, server: u16) {
        thread::scope(|threads| {
            while let Ok((client, _)) = listener.accept() {
                if self.state().closing {
                    return;
                }
                // a client whose server does not listen is closed by being forgotten
                let Ok(Some(link)) = self.link(client, server) else { continue };
                for direction in [Direction::ToServer, Direction::ToClient] {
                    let link = link.clone();
                    threads.spawn(move || self.carry(&link, direction));
                }
            }
        });
    }

    fn link(&self, client: TcpStream, server: u16) -> io::Result<Option<Arc<Link>>> {
        let (cuts, number) = {
            let mut state = self.state();
            if state.refusing {
                return Ok(None);
            }
            state.accepted += 1;
            (state.cuts, state.accepted)
        };
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server))?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let link = Arc::new(Link { client, server, cuts, number });
        let mut state = self.state();
        state.links.retain(|link| link.strong_count() > 0);
        state.links.push(Arc::downgrade(&link));
        // a cut while the server was being connected found nothing to cut
        Ok((state.cuts == cuts).then_some(link))
    }

    fn carry(&self, link: &Link, direction: Direction) {
        let (mut from, mut to) = link.ends(direction);
        let mut bytes = [0; 16 * 1024];
        // the same faults in each run, as far as the same bytes come
        let mut chance = link.number * 2 + direction as u64;
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            self.hold(link, direction);
            let one_in = self.state().way(direction).garbled;
            let carried = garbled(&bytes[..length], one_in, &mut chance);
            if !self.state().swallows(link, direction) && to.write_all(&carried).is_err() {
                break;
            }
        }
        self.wait_out_blackhole(link, direction);
        link.close();
    }

    fn hold(&self, link: &Link, direction: Direction) {
        let mut state = self.state();
        let delay = state.way(direction).delay;
        if !delay.is_zero() {
            let held = |state: &mut State| state.cuts == link.cuts && state.way(direction).delay == delay;
            drop(self.changed.wait_timeout_while(state, delay, held));
        }
    }

    fn wait_out_blackhole(&self, link: &Link, direction: Direction) {
        let swallowed = |state: &mut State| state.cuts == link.cuts && state.swallows(link, direction);
        drop(self.changed.wait_while(self.state(), swallowed));
    }
}

/// What is left of bytes of which one in so many is changed or lost.
fn garbled(bytes: &[u8], one_in: u32, chance: &mut u64) -> Vec<u8> {
    let mut next = || {
        // Knuth's linear congruential generator, its better half
        *chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*chance >> 32) as u32
    };
    let spoil = |byte: &u8| match next() {
        word if one_in == 0 || word % one_in != 0 => Some(*byte),
        word if word & 0x1_0000 == 0 => None,
        word => Some(byte ^ (1 << (word >> 29))),
    };
    bytes.iter().filter_map(spoil).collect()
}
