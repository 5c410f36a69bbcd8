//! Lines with keys are sent anything: before they are opened, between their frames, and within them by who has the key.
#![no_main]

use cachify_core::{
    drive::beside,
    store::{growing::MapStore, lock::NoLock},
    testing::{ManualClock, block_on},
};
use cachify_fuzz::{Line, Pipe, framed, messages};
use cachify_link::{
    Gateway, Identity, Session,
    keyed::{DeviceKey, Gate, Keyed, Keyring},
};
use core::{cell::Cell, pin::pin};
use embedded_io_async::Write;
use libfuzzer_sys::fuzz_target;

const SESSION: Session = Session { id: 1, device: [9, 9] };

/// One device, whose key is known.
struct Keys(Cell<(u32, u32)>);

impl Keyring for Keys {
    fn keys(&self, device: [u32; 2]) -> [Option<DeviceKey>; 2] {
        [(device == SESSION.device).then(|| DeviceKey::new([3; 16])), None]
    }
    fn challenge(&self) -> [u8; 16] {
        [5; 16]
    }
    fn is_next(&self, sender: Identity, attempt: u32) -> bool {
        let number = (sender.session, attempt);
        number > self.0.replace(number.max(self.0.get()))
    }
}

fuzz_target!(|data: &[u8]| {
    let (clock, keys) = (ManualClock::new(), Keys(Cell::new((0, 0))));
    let (gate, keyed) = (Gate::new(&keys), Keyed::new(DeviceKey::new([3; 16]), SESSION, &clock));
    for bytes in [data, &framed(data)] {
        assert!(block_on(gate.admit(Line(bytes), Line(&[]), None)).is_err(), "nobody has proved anything");
        assert!(block_on(keyed.open(Line(bytes), Line(&[]))).is_err(), "nobody has proved anything");
    }
    let store = MapStore::<NoLock, _, Vec<u8>>::new(&clock);
    let mut gateway = Gateway::new(&store, &clock);
    let (up, down) = (Pipe::default(), Pipe::default());
    let said = messages(data, &cachify_fuzz::REQUESTS, |choice, request, to| {
        to.extend([request & 0x7f, 1 + choice % 4, 1, b'a' + choice / 4 % 2]);
    });
    let device = async {
        let (_, mut writer) = keyed.open(down.clone(), up.clone()).await.expect("both have the key");
        for (at, part) in said.chunks(37).enumerate() {
            // what anybody may put on the line
            up.put(data.get(at..).unwrap_or_default());
            let mut part = part;
            while !part.is_empty() {
                let len = writer.write(part).await.expect("nothing was answered for no time at all");
                part = &part[len..];
            }
        }
        up.close();
    };
    let other = async {
        let (mut reader, mut writer) = (up.clone(), down.clone());
        if let Ok(mut device) = gate.admit(&mut reader, &mut writer, None).await {
            gateway.serve_device(device.identity, &mut device.reader, &mut device.writer).await;
        }
        core::future::pending::<()>().await
    };
    let _: Result<(), ()> = block_on(beside(pin!(device), pin!(other)));
});
