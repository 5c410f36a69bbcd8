//! `top`: a live table of who holds what, the longest first.
//!
//! A thread looks, the board is what was seen and what was typed, `draw` shows it. What fails is a line on the screen.

mod board;
mod draw;

use crate::{
    connect::Fleet,
    failure::Failure,
    force,
    options::Topped,
    scan::Which,
    survey::{Survey, survey},
};
use board::{Act, Board};
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event},
};
use std::{
    io::{self, IsTerminal},
    process::ExitCode,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

/// How soon what was seen is shown.
const SOON: Duration = Duration::from_millis(100);

type Look = Result<Survey, String>;

/// Shows it until somebody has enough.
pub(crate) fn run(fleet: Fleet, asked: &Topped, json: bool) -> Result<ExitCode, Failure> {
    if json || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Failure::Wrong("`top` wants a terminal; `watch` and `ls` have --json".into()));
    }
    let (fleet, which, every) = (Arc::new(fleet), Which::of(&asked.filter), Duration::from_secs_f64(asked.every));
    // the first look tells a wrong password before the screen is taken
    let first = survey(&fleet, &which, 0, false)?;
    let (sender, looks) = sync_channel(1);
    thread::spawn({
        let fleet = fleet.clone();
        move || look(&fleet, &which, every, &sender)
    });
    // it is given back by the panic hook of the library, too
    let mut terminal = ratatui::try_init()?;
    let done = show(&fleet, &mut terminal, first, &looks);
    ratatui::restore();
    done.map(|()| ExitCode::SUCCESS)
}

/// Looks again and again, for as long as there is somebody to tell.
fn look(fleet: &Fleet, which: &Which, every: Duration, sender: &SyncSender<Look>) {
    loop {
        thread::sleep(every);
        let look = survey(fleet, which, 0, false).map_err(|failure| failure.to_string());
        if sender.send(look).is_err() {
            return;
        }
    }
}

fn show(fleet: &Fleet, terminal: &mut DefaultTerminal, first: Survey, looks: &Receiver<Look>) -> Result<(), Failure> {
    let mut board = Board::new(fleet.prefix());
    board.see(Ok(first));
    loop {
        for look in looks.try_iter() {
            board.see(look);
        }
        terminal.draw(|frame| draw::draw(frame, &board))?;
        if !event::poll(SOON)? {
            continue;
        }
        let Event::Key(key) = event::read()? else { continue };
        match board.press(key) {
            Act::Stay => {}
            Act::Quit => return Ok(()),
            Act::Force(seen) => {
                let done = force::release(fleet, &seen).map(|()| force::told(&seen));
                board.told(done.unwrap_or_else(|failure| failure.to_string()));
            }
        }
    }
}
