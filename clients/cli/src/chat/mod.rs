//! The chat on the screen: `model` is what is known, `view` draws it, `keys` changes it.

mod editor;
mod keys;
mod model;
mod rows;
mod terminal;
mod view;

use std::time::Duration;

use crossterm::event::EventStream;
use futures_util::StreamExt;
use tidings_sdk::{
    Draft, Event, HttpError, Page, chain,
    protocol::http::{MessagePage, Receipts},
};
use tidings_secure::{Event as SecureEvent, Events, SecureClient, SecureError};
use tokio::{sync::mpsc, time::interval};

use self::{
    keys::Wish,
    model::Chat,
    terminal::Screen,
    view::{Drawn, draw},
};
use crate::{
    clock::{Zone, now_ms},
    commands::history::THE_END,
    failure::{Failure, Result, terminal as terminal_failed},
    render,
};

const PAGE: u32 = 50;
/// The countdown and the time of the last seeing move by the second.
const REDRAW_EVERY: Duration = Duration::from_secs(1);
const PRESENCE_EVERY_TICKS: u32 = 30;
/// Whoever writes is there, so how they are is asked again, but not for each message.
const PRESENCE_AFTER_SIGN_MS: u64 = 3_000;

/// What was asked for in the background.
enum Loaded {
    History(std::result::Result<MessagePage, SecureError>),
    Marks(std::result::Result<Receipts, HttpError>),
}

struct App {
    chat: Chat,
    client: SecureClient,
    loaded: mpsc::Sender<Loaded>,
    zone: Zone,
    drawn: Drawn,
    has_history: bool,
    presence_asked_ms: u64,
}

/// Runs the chat until the user leaves it.
pub(crate) async fn run(client: SecureClient, mut events: Events, me: &str, conversation: &str) -> Result<()> {
    let (loaded, mut arrivals) = mpsc::channel(8);
    let mut app = App {
        chat: Chat::new(me, conversation),
        client,
        loaded,
        zone: Zone::local(),
        drawn: Drawn::default(),
        has_history: false,
        presence_asked_ms: 0,
    };
    let mut screen = Screen::take().map_err(|error| terminal_failed(&error))?;
    let mut keyboard = EventStream::new();
    let mut clock = interval(REDRAW_EVERY);
    let mut ticks = 0_u32;
    let mut end = Box::pin(terminated());
    let mut stopped = None;
    loop {
        app.draw(&mut screen)?;
        tokio::select! {
            key = keyboard.next() => match key {
                Some(Ok(event)) => if app.key(&event).await { break },
                Some(Err(error)) => return Err(terminal_failed(&error)),
                None => break,
            },
            event = events.next() => {
                let Some(event) = event else {
                    stopped = app.client.ready().await.err();
                    break;
                };
                app.happened(event);
                // Many at once are drawn once.
                while let Some(event) = events.try_next() {
                    app.happened(event);
                }
            }
            Some(arrival) = arrivals.recv() => app.arrived(arrival),
            _ = clock.tick() => {
                ticks = ticks.wrapping_add(1);
                if ticks.is_multiple_of(PRESENCE_EVERY_TICKS) {
                    app.ask_presence();
                }
            }
            () = &mut end => break,
        }
    }
    drop(screen);
    app.client.close().await;
    match stopped {
        Some(error) => Err(Failure::from(error)),
        None => Ok(()),
    }
}

impl App {
    fn draw(&mut self, screen: &mut Screen) -> Result<()> {
        let Self { chat, zone, drawn, .. } = self;
        screen.0.draw(|frame| *drawn = draw(frame, chat, zone, now_ms())).map_err(|error| terminal_failed(&error))?;
        if let Some(up_to) = self.drawn.seen.and_then(|seen| self.chat.seen(seen)) {
            self.client.mark_read(&self.chat.conversation, up_to);
        }
        if self.drawn.at_top && self.chat.has_older && !self.chat.loading {
            self.load(self.chat.first());
        }
        Ok(())
    }

    /// True where the user leaves.
    async fn key(&mut self, event: &crossterm::event::Event) -> bool {
        match keys::take(&mut self.chat, event, self.drawn.height) {
            Wish::Nothing => {}
            Wish::Quit => return true,
            Wish::Focus(focused) => self.client.set_active(focused),
            Wish::Send(text) => {
                let sending = self.client.send(&self.chat.conversation, Draft::text(text.as_str())).await;
                self.chat.queued(sending.client_msg_id(), &text, now_ms());
            }
        }
        false
    }

    fn happened(&mut self, event: SecureEvent) {
        match event {
            SecureEvent::Client(event) => self.event(*event),
            SecureEvent::Failed { error } => self.chat.notice = Some(render::clean(&error)),
            event => self.chat.tell(&event),
        }
    }

    fn event(&mut self, event: Event) {
        let is_ready = matches!(event, Event::Ready(_));
        let is_sign_of_life = self.chat.is_from_peer(&event);
        let below = self.rows_below(&event);
        if self.chat.event(event, now_ms()) && self.chat.offset > 0 {
            // What is on the screen stays where it is.
            self.chat.offset += below;
        }
        let asked_ago_ms = now_ms().saturating_sub(self.presence_asked_ms);
        if is_sign_of_life && !self.chat.is_peer_online() && asked_ago_ms >= PRESENCE_AFTER_SIGN_MS {
            self.ask_presence();
        }
        if is_ready {
            self.ask_presence();
            if self.has_history {
                self.ask_marks();
            } else {
                self.load(None);
            }
        }
    }

    /// How many rows a new message takes below what is on the screen.
    fn rows_below(&self, event: &Event) -> usize {
        match event {
            Event::Message(message) if self.chat.offset > 0 => {
                let mut alone = Chat::new(&self.chat.me, &self.chat.conversation);
                alone.history(std::slice::from_ref(message), false);
                // Without the day above it.
                rows::from_the_end(&alone, self.drawn.width, usize::MAX, &self.zone).len().saturating_sub(1)
            }
            _ => 0,
        }
    }

    fn ask_presence(&mut self) {
        self.presence_asked_ms = now_ms();
        let Some(peer) = self.chat.peer().filter(|_| self.chat.is_online()).map(str::to_owned) else { return };
        let client = self.client.clone();
        // The answer comes as an event, too.
        tokio::spawn(async move { client.watch([peer]).await });
    }

    fn load(&mut self, before: Option<u64>) {
        self.chat.loading = true;
        let (client, loaded, conversation) = (self.client.clone(), self.loaded.clone(), self.chat.conversation.clone());
        tokio::spawn(async move {
            let page = Page { since: None, before: Some(before.unwrap_or(THE_END)), limit: Some(PAGE) };
            let page = client.messages(&conversation, page).await;
            // A chat that has ended does not wait for it.
            let _ = loaded.send(Loaded::History(page)).await;
        });
    }

    fn arrived(&mut self, arrival: Loaded) {
        match arrival {
            Loaded::History(Ok(page)) => {
                self.has_history = true;
                self.chat.history(&page.messages, page.has_more);
                self.ask_marks();
            }
            Loaded::Marks(Ok(receipts)) => {
                for (user, marks) in receipts.marks_by_user {
                    self.chat.mark(&user, marks.delivered_up_to, marks.read_up_to);
                }
            }
            Loaded::History(Err(error)) => {
                self.chat.loading = false;
                // A conversation begins with its first message, and is unknown before.
                let code = if let SecureError::Http(error) = &error { error.code() } else { None };
                if code == Some(tidings_sdk::protocol::ErrorCode::NotFound) {
                    self.has_history = true;
                } else {
                    self.chat.has_older = false;
                    self.chat.notice = Some(format!("no history: {}", chain(&error)));
                }
            }
            Loaded::Marks(Err(error)) => self.chat.notice = Some(format!("no receipts: {}", chain(&error))),
        }
    }

    /// How far the others are: receipts that came while nobody was here are not told again.
    fn ask_marks(&self) {
        let Some(message_id) = self.chat.own_unread() else { return };
        let (http, loaded, conversation) =
            (self.client.http().clone(), self.loaded.clone(), self.chat.conversation.clone());
        tokio::spawn(async move {
            let receipts = http.receipts(&conversation, &message_id).await;
            // A chat that has ended does not wait for it.
            let _ = loaded.send(Loaded::Marks(receipts)).await;
        });
    }
}

/// Waits for the signals that ask to end.
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut hangup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = hangup.recv() => {}
    }
}
