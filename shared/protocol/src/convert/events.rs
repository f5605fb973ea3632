//! Events for devices that ask for them.

use serde_json::value::RawValue;
use tidings_domain::{
    events::{Event, Events},
    ids::{DeviceId, Timestamp},
};

use super::{notice_frame, reply_to};
use crate::{ServerFrame, SyncComplete, cursor::events_cursor_to_text, http::EventPage};

/// An `EventSource` asks again after so many milliseconds.
const RETRY_MS: u64 = 100;

/// The answer of `GET /events`.
pub fn event_page(events: &Events, reader: &DeviceId, now: Timestamp) -> EventPage {
    let frames = texts(events, reader, now).filter_map(|text| RawValue::from_string(text).ok());
    EventPage { events: frames.collect(), cursor: events_cursor_to_text(&events.place) }
}

/// The same as a stream of events. The id, which the `EventSource` comes back with, is that of the whole answer: it stands
/// after all frames, so that one that broke off in the middle is given again.
pub fn event_stream(events: &Events, reader: &DeviceId, now: Timestamp) -> String {
    // A payload is as its sender wrote it: line breaks between its parts would end the event.
    let data = texts(events, reader, now).map(|text| format!("data: {}\n\n", text.replace(['\r', '\n'], " ")));
    let (start, end) = (format!("retry: {RETRY_MS}\n\n"), format!("id: {}\n\n", events_cursor_to_text(&events.place)));
    std::iter::once(start).chain(data).chain([end]).collect()
}

fn texts<'a>(events: &'a Events, reader: &'a DeviceId, now: Timestamp) -> impl Iterator<Item = String> + 'a {
    events.events.iter().map(move |event| match event {
        Event::Notice(notice) => notice_frame(notice, reader, now).to_text(reply_to(notice)),
        Event::Complete { conversations, resume_token } => {
            let complete = SyncComplete { conversations: *conversations, resume_token: Some(resume_token.clone()) };
            ServerFrame::SyncComplete(complete).to_text(None)
        }
        Event::Frame(text) => text.as_ref().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use tidings_domain::{events::Place, ids::ConnectionId};

    use super::*;

    fn events(texts: &[&str]) -> Events {
        let connection = ConnectionId::of_inbox(Timestamp(7), 1);
        let place = Place { connection, connected_at: Timestamp(7), beat_at: Timestamp(8), taken: Vec::new() };
        Events { events: texts.iter().map(|text| Event::Frame((*text).into())).collect(), place }
    }

    #[test]
    fn a_stream_has_an_event_for_each_frame_and_then_the_cursor() {
        let of = |texts: &[&str]| event_stream(&events(texts), &DeviceId::parse("web").unwrap(), Timestamp(9));
        let cursor = events_cursor_to_text(&events(&[]).place);
        assert_eq!(of(&[]), format!("retry: 100\n\nid: {cursor}\n\n"));
        let two = of(&["{\"a\":\r\n1}", "{}"]);
        assert_eq!(two, format!("retry: 100\n\ndata: {{\"a\":  1}}\n\ndata: {{}}\n\nid: {cursor}\n\n"));
    }

    #[test]
    fn a_page_has_the_frames_as_they_are() {
        let page = event_page(&events(&["{\"a\": 1}"]), &DeviceId::parse("web").unwrap(), Timestamp(9));
        let text = serde_json::to_string(&page).unwrap();
        assert!(text.starts_with("{\"events\":[{\"a\": 1}],\"cursor\":\""), "{text}");
    }
}
