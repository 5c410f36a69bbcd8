//! What was seen and what was typed: which rows are shown, in which order, and what a key does.

use super::Look;
use crate::look::{Seen, State};
use cachify::{cachify_core::key::Kind, tool::Place};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::{cmp::Reverse, time::Instant};

/// The state of the screen.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) prefix: String,
    all: Vec<Seen>,
    pub(super) order: Order,
    /// What a key or label has to contain.
    pub(super) needle: String,
    pub(super) mode: Mode,
    selected: Option<Place>,
    /// Whether what is done or kept is shown, too.
    pub(super) has_all: bool,
    /// What was done last.
    pub(super) said: String,
    /// Why the last look failed.
    pub(super) trouble: Option<String>,
    pub(super) unseen: Vec<String>,
    /// When the rows were seen.
    pub(super) seen_at: Instant,
}

/// What comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Longest,
    Waiting,
    Ending,
    Key,
}

/// What keys are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Table,
    Filter,
    Detail,
    /// It is asked whether this is to be taken.
    Force(Box<Seen>),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Stay,
    Quit,
    Force(Box<Seen>),
}

impl Order {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Longest => "held the longest",
            Self::Waiting => "most waited for",
            Self::Ending => "ending first",
            Self::Key => "by key",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Longest => Self::Waiting,
            Self::Waiting => Self::Ending,
            Self::Ending => Self::Key,
            Self::Key => Self::Longest,
        }
    }
}

impl Board {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.into(),
            all: Vec::new(),
            order: Order::Longest,
            needle: String::new(),
            mode: Mode::Table,
            selected: None,
            has_all: false,
            said: String::new(),
            trouble: None,
            unseen: Vec::new(),
            seen_at: Instant::now(),
        }
    }

    /// Another look; one that failed leaves what was seen before.
    pub(super) fn see(&mut self, look: Look) {
        match look {
            Ok(survey) => {
                (self.all, self.unseen, self.trouble) = (survey.seen, survey.unseen, None);
                self.seen_at = Instant::now();
            }
            Err(why) => self.trouble = Some(why),
        }
    }

    pub(super) fn told(&mut self, what: String) {
        self.said = what;
    }

    /// The rows that are shown, in their order.
    pub(super) fn rows(&self) -> Vec<&Seen> {
        let is_live = |seen: &&Seen| {
            self.has_all
                || !matches!(seen.state, State::Done | State::Kept)
                || seen.is_loading
                || seen.waiting > Some(0)
        };
        let has = |text: &str| text.contains(&self.needle);
        let fits = |seen: &&Seen| has(&seen.place.key) || seen.label.as_deref().is_some_and(has);
        let mut rows: Vec<_> = self.all.iter().filter(is_live).filter(fits).collect();
        match self.order {
            Order::Longest => rows.sort_by_key(|seen| Reverse(seen.age)),
            Order::Waiting => rows.sort_by_key(|seen| Reverse(seen.waiting)),
            Order::Ending => rows.sort_by_key(|seen| seen.remaining.unwrap_or(u64::MAX)),
            Order::Key => rows.sort_by(|one, other| one.place.key.cmp(&other.place.key)),
        }
        rows
    }

    /// Where the selected row stands: it is followed wherever it goes.
    pub(super) fn selected(&self) -> Option<usize> {
        let rows = self.rows();
        let at = rows.iter().position(|seen| Some(&seen.place) == self.selected.as_ref());
        at.or((!rows.is_empty()).then_some(0))
    }

    pub(super) fn chosen(&self) -> Option<&Seen> {
        self.selected().and_then(|at| self.rows().get(at).copied())
    }

    /// What a key does.
    pub(super) fn press(&mut self, key: KeyEvent) -> Act {
        if key.kind == KeyEventKind::Release {
            return Act::Stay;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Act::Quit;
        }
        match std::mem::replace(&mut self.mode, Mode::Table) {
            Mode::Table => self.command(key.code),
            Mode::Filter => {
                match key.code {
                    KeyCode::Enter => return Act::Stay,
                    KeyCode::Esc => self.needle.clear(),
                    KeyCode::Backspace => drop(self.needle.pop()),
                    KeyCode::Char(one) => self.needle.push(one),
                    _ => {}
                }
                if key.code != KeyCode::Esc {
                    self.mode = Mode::Filter;
                }
                Act::Stay
            }
            // any key leads back
            Mode::Detail => Act::Stay,
            Mode::Force(seen) if key.code == KeyCode::Char('y') => Act::Force(seen),
            Mode::Force(_) => {
                self.said = "nothing was done".into();
                Act::Stay
            }
        }
    }

    fn command(&mut self, code: KeyCode) -> Act {
        self.said.clear();
        match code {
            KeyCode::Char('q') | KeyCode::Esc => return Act::Quit,
            KeyCode::Up | KeyCode::Char('k') => self.select(|at| at.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.select(|at| at + 1),
            KeyCode::PageUp => self.select(|at| at.saturating_sub(20)),
            KeyCode::PageDown => self.select(|at| at + 20),
            KeyCode::Home => self.select(|_| 0),
            KeyCode::End => self.select(|_| usize::MAX),
            KeyCode::Char('s') => self.order = self.order.next(),
            KeyCode::Char('a') => self.has_all = !self.has_all,
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Enter if self.chosen().is_some() => self.mode = Mode::Detail,
            KeyCode::Char('f') => self.ask(),
            _ => {}
        }
        Act::Stay
    }

    fn select(&mut self, to: impl FnOnce(usize) -> usize) {
        let (at, last) = (self.selected().unwrap_or_default(), self.rows().len().saturating_sub(1));
        self.selected = self.rows().get(to(at).min(last)).map(|seen| seen.place.clone());
    }

    /// Asks for what can be taken; what is asked about is what was seen, whatever is there when it is answered.
    fn ask(&mut self) {
        let Some(seen) = self.chosen() else { return };
        let can_be = matches!(seen.place.kind, Kind::Lock | Kind::Once)
            && matches!(seen.state, State::Held | State::Done | State::Unknown);
        match can_be {
            true => self.mode = Mode::Force(Box::new(seen.clone())),
            false => self.said = "only locks and runs can be taken".into(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::survey::Survey;

    /// A lock that is held for so long, and waited for by so many.
    pub(crate) fn lock(key: &str, age: u64, waiting: u64) -> Seen {
        let seen = Seen::new(&Place::new(Kind::Lock, None, key));
        let (holder, label) = (Some("a".repeat(32)), Some(format!("of {key}")));
        let (age, remaining, waiting, fence) = (Some(age), Some(9_000 - age), Some(waiting), Some(7));
        Seen { state: State::Held, holder, label, age, remaining, waiting, fence, ..seen }
    }

    pub(crate) fn board() -> Board {
        let kept = Seen { state: State::Kept, ..Seen::new(&Place::new(Kind::Cache, None, "user:1")) };
        let seen = vec![lock("item:1", 10, 0), lock("item:2", 30, 1), lock("job", 20, 5), kept];
        let mut board = Board::new("app");
        board.see(Ok(Survey { seen, unseen: Vec::new() }));
        board
    }

    pub(crate) fn press(board: &mut Board, code: KeyCode) -> Act {
        board.press(code.into())
    }

    fn keys(board: &Board) -> Vec<&str> {
        board.rows().iter().map(|seen| seen.place.key.as_str()).collect()
    }

    #[test]
    fn rows_are_sorted_and_filtered_and_the_selected_one_is_followed() {
        let mut board = board();
        assert_eq!(keys(&board), ["item:2", "job", "item:1"]);
        press(&mut board, KeyCode::Down);
        assert_eq!(board.chosen().unwrap().place.key, "job");
        press(&mut board, KeyCode::Char('s'));
        assert_eq!((keys(&board), board.selected()), (vec!["job", "item:2", "item:1"], Some(0)));
        press(&mut board, KeyCode::Char('a'));
        assert_eq!(keys(&board).len(), 4);
        press(&mut board, KeyCode::End);
        assert_eq!(board.selected(), Some(3));
        for code in [KeyCode::Char('/'), KeyCode::Char('q'), KeyCode::Backspace, KeyCode::Char('m'), KeyCode::Enter] {
            assert_eq!(press(&mut board, code), Act::Stay);
        }
        assert_eq!(keys(&board), ["item:2", "item:1"], "a `q` is typed, and taken back");
        // what was selected is gone: the first one is
        assert_eq!(board.selected(), Some(0));
    }

    #[test]
    fn nothing_is_taken_but_what_was_asked_about() {
        let mut board = board();
        assert_eq!(press(&mut board, KeyCode::Char('f')), Act::Stay);
        let asked = lock("item:2", 30, 1);
        assert_eq!(board.mode, Mode::Force(Box::new(asked.clone())));
        // meanwhile another one has come to stand there
        board.see(Ok(Survey { seen: vec![lock("other", 99, 0)], unseen: Vec::new() }));
        assert_eq!(press(&mut board, KeyCode::Char('y')), Act::Force(Box::new(asked)));
        press(&mut board, KeyCode::Char('f'));
        assert_eq!(press(&mut board, KeyCode::Enter), Act::Stay);
        assert_eq!((&board.mode, board.said.as_str()), (&Mode::Table, "nothing was done"));
    }

    #[test]
    fn a_look_that_fails_leaves_what_was_seen() {
        let mut board = board();
        board.see(Err("gone".into()));
        assert_eq!((keys(&board).len(), board.trouble.as_deref()), (3, Some("gone")));
        board.see(Ok(Survey::default()));
        assert_eq!((board.rows().len(), board.trouble.clone(), board.selected()), (0, None, None));
        for code in [KeyCode::Down, KeyCode::Enter, KeyCode::Char('f'), KeyCode::End] {
            assert_eq!(press(&mut board, code), Act::Stay, "there is nothing to choose");
        }
        assert_eq!(board.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Act::Quit);
    }
}
