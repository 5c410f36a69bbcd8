//! UART 1 of mps2-an386 (a CMSDK UART): interrupt driven, with a buffer of its own, for the hardware has one byte.
//!
//! Invariant: what does not fit is dropped, as a real line drops what nobody reads; the link above finds that out.

use core::{
    cell::RefCell,
    convert::Infallible,
    future::poll_fn,
    ptr::{read_volatile, write_volatile},
    task::Poll,
};
use critical_section::Mutex;
use embassy_sync::waitqueue::AtomicWaker;
use embedded_io_async::{ErrorType, Read, Write};
use heapless::Deque;

const BASE: usize = 0x4000_5000;
const DATA: usize = BASE;
const STATE: usize = BASE + 0x4;
const CONTROL: usize = BASE + 0x8;
const CLEAR: usize = BASE + 0xC;
const DIVIDER: usize = BASE + 0x10;
const NVIC_ISER: usize = 0xE000_E100;
/// The receiver's interrupt.
pub(super) const RECEIVED: usize = 2;
/// The sender's.
pub(super) const SENT: usize = 3;

static BYTES: Mutex<RefCell<Deque<u8, 512>>> = Mutex::new(RefCell::new(Deque::new()));
static READER: AtomicWaker = AtomicWaker::new();
static WRITER: AtomicWaker = AtomicWaker::new();

fn get(register: usize) -> u32 {
    // SAFETY: every address used here is a register of this UART
    unsafe { read_volatile(register as *const u32) }
}

fn set(register: usize, value: u32) {
    // SAFETY: every address used here is a register of this UART or of the interrupt controller
    unsafe { write_volatile(register as *mut u32, value) }
}

/// Opens the line at 115,200 baud. Call it once.
#[must_use]
pub fn open() -> (Receiver, Sender) {
    set(DIVIDER, 217);
    set(CONTROL, 0b1111);
    set(NVIC_ISER, 1 << RECEIVED | 1 << SENT);
    (Receiver(()), Sender(()))
}

pub(super) unsafe extern "C" fn received() {
    set(CLEAR, 0b10);
    critical_section::with(|cs| {
        let mut bytes = BYTES.borrow_ref_mut(cs);
        while get(STATE) & 0b10 != 0 {
            let _ = bytes.push_back(get(DATA).to_le_bytes()[0]);
        }
    });
    READER.wake();
}

pub(super) unsafe extern "C" fn sent() {
    set(CLEAR, 0b1);
    WRITER.wake();
}

/// What comes in.
#[derive(Debug)]
pub struct Receiver(());

/// What goes out.
#[derive(Debug)]
pub struct Sender(());

impl ErrorType for Receiver {
    type Error = Infallible;
}

impl ErrorType for Sender {
    type Error = Infallible;
}

impl Read for Receiver {
    /// At least one byte, as many as there are. Dropping this future loses none.
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        poll_fn(|cx| {
            READER.register(cx.waker());
            let read = critical_section::with(|cs| {
                let mut bytes = BYTES.borrow_ref_mut(cs);
                into.iter_mut().map_while(|to| bytes.pop_front().map(|byte| *to = byte)).count()
            });
            if read > 0 || into.is_empty() { Poll::Ready(Ok(read)) } else { Poll::Pending }
        })
        .await
    }
}

impl Write for Sender {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        let Some(byte) = from.first() else { return Ok(0) };
        poll_fn(|cx| {
            WRITER.register(cx.waker());
            if get(STATE) & 0b1 != 0 {
                return Poll::Pending;
            }
            set(DATA, u32::from(*byte));
            Poll::Ready(Ok(1))
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
