//! What any index for search must do. It runs on the one that looks at everything, and on those that are used.

use std::collections::{BTreeMap, BTreeSet};

use tidings_domain::ids::{ConversationId, Sequence, Timestamp, UserId};
use tidings_search::{
    document::{Document, Key, Shard, Tag},
    index::{Candidate, Change, Hunt, Index, Lifecycle, Order},
    query::Words,
};

/// 2027-01-15.
const NOW: Timestamp = Timestamp(1_800_000_000_000);
const DAY_MS: u64 = 24 * 3600 * 1000;
const ALWAYS: Lifecycle = Lifecycle { text_months: 1000, months: 1000 };

/// An index under test, and a name that no other check has.
#[derive(Clone, Copy)]
pub struct Indexed<'a> {
    /// The index.
    pub index: &'a dyn Index,
    /// In all names of the check.
    pub name: &'a str,
}

impl Indexed<'_> {
    fn conversation(&self, name: &str) -> ConversationId {
        ConversationId::parse(&format!("g:{}.{name}", self.name)).unwrap()
    }

    async fn put(&self, documents: &[Document]) {
        let changes: Vec<Change> = documents.iter().cloned().map(Change::Put).collect();
        self.index.apply(&changes).await.unwrap();
    }

    async fn found(&self, asked: &Asked<'_>) -> Vec<u64> {
        self.candidates(asked).await.iter().map(|candidate| candidate.place.key.sequence.0).collect()
    }

    async fn candidates(&self, asked: &Asked<'_>) -> Vec<Candidate> {
        let words = asked.words.map(|words| Words::parse(words).unwrap());
        let scope =
            asked.scope.iter().map(|(name, from)| (Tag::conversation(&self.conversation(name)), Sequence(*from)));
        let hunt = Hunt {
            scope: &scope.collect::<BTreeMap<_, _>>(),
            words: words.as_ref(),
            tags: &asked.tags,
            not_from: &asked.not_from,
            since: asked.since,
            until: asked.until,
            order: asked.order,
            asked_at: NOW,
            now: asked.now,
            after: asked.after,
            limit: asked.limit,
        };
        self.index.hunt(&hunt).await.unwrap()
    }

    /// A message of a day ago in the conversation `room`.
    fn document(&self, sequence: u64, text: &str) -> Document {
        self.document_at("room", sequence, NOW.minus_ms(DAY_MS).plus_ms(sequence), text)
    }

    fn document_at(&self, room: &str, sequence: u64, ts: Timestamp, text: &str) -> Document {
        let conversation = self.conversation(room);
        let sender = Tag::from(&user("alice"));
        Document {
            key: Key { conversation: Tag::conversation(&conversation), sequence: Sequence(sequence) },
            shard: Shard::of(&conversation, ts),
            version: Sequence(sequence),
            ts,
            expires_at: None,
            sender,
            tags: BTreeSet::from([sender, Tag::kind("text")]),
            text: Some(text.to_owned()).filter(|text| !text.is_empty()),
        }
    }
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

#[derive(Clone)]
struct Asked<'a> {
    scope: Vec<(&'a str, u64)>,
    words: Option<&'a str>,
    tags: Vec<BTreeSet<Tag>>,
    not_from: BTreeSet<Tag>,
    since: Timestamp,
    until: Timestamp,
    now: Timestamp,
    order: Order,
    after: Option<tidings_search::index::Place>,
    limit: usize,
}

fn asked(words: &str) -> Asked<'_> {
    Asked {
        scope: vec![("room", 1)],
        words: Some(words).filter(|words| !words.is_empty()),
        tags: Vec::new(),
        not_from: BTreeSet::new(),
        since: Timestamp(0),
        until: Timestamp(u64::MAX),
        now: NOW,
        order: Order::Recent,
        after: None,
        limit: 10,
    }
}

/// Words, phrases, prefixes and fuzzy words find what they are to, in any script.
pub async fn search_finds_what_words_ask_for(subject: Indexed<'_>) {
    let texts = [
        "A cup of Darjeeling tea",
        "Coffee, no tea cup today",
        "東京都に住む黒猫",
        "Crème brûlée 👍🏽",
        "don't panic",
        "",
    ];
    let documents: Vec<Document> = (1..).zip(texts).map(|(sequence, text)| subject.document(sequence, text)).collect();
    subject.put(&documents).await;
    for (words, expected) in [
        ("tea", vec![2, 1]),
        ("tea cup", vec![2, 1]),
        (r#""tea cup""#, vec![2]),
        (r#""cup of darjeeling""#, vec![1]),
        ("tea -coffee", vec![1]),
        ("darj*", vec![1]),
        ("darjeelnig~", vec![1]),
        ("dajeelng~", vec![]),
        ("dajeelng~2", vec![1]),
        ("京都", vec![3]),
        ("猫", vec![3]),
        ("東", vec![3]),
        ("東京に", vec![]),
        ("creme BRULEE", vec![4]),
        ("👍", vec![4]),
        ("dont", vec![5]),
        ("nothing", vec![]),
    ] {
        assert_eq!(subject.found(&asked(words)).await, expected, "{words}");
    }
    assert_eq!(subject.found(&asked("")).await, [6, 5, 4, 3, 2, 1], "without words all, those without text included");
}

/// Nothing outside of the scope is told of: other conversations, what was before the joining, what has expired, whom
/// the reader has blocked.
pub async fn search_stays_within_its_scope(subject: Indexed<'_>) {
    let other = subject.document_at("other", 1, NOW, "tea");
    let expiring = Document { expires_at: Some(NOW.plus_ms(5)), ..subject.document(4, "tea") };
    let blocked = Tag::from(&user("mallory"));
    let of_blocked = Document { sender: blocked, ..subject.document(5, "tea") };
    let documents = [
        subject.document(1, "tea"),
        subject.document(2, "tea"),
        subject.document(3, "tea"),
        expiring,
        of_blocked,
        other,
    ];
    subject.put(&documents).await;
    let tea = asked("tea");
    assert_eq!(subject.found(&tea).await, [5, 4, 3, 2, 1]);
    assert_eq!(subject.found(&Asked { scope: vec![("room", 3)], ..tea.clone() }).await, [5, 4, 3]);
    assert_eq!(subject.found(&Asked { not_from: BTreeSet::from([blocked]), ..tea.clone() }).await, [4, 3, 2, 1]);
    assert_eq!(subject.found(&Asked { now: NOW.plus_ms(5), ..tea.clone() }).await, [5, 3, 2, 1]);
    assert_eq!(subject.found(&Asked { scope: vec![("nowhere", 1)], ..tea.clone() }).await, [0; 0]);
    assert_eq!(
        subject.found(&Asked { scope: vec![("room", 1), ("other", 1)], ..tea.clone() }).await,
        [1, 5, 4, 3, 2, 1]
    );
    let at = |sequence: u64| NOW.minus_ms(DAY_MS).plus_ms(sequence);
    assert_eq!(subject.found(&Asked { since: at(2), until: at(4), ..tea }).await, [3, 2]);
}

/// Sender, mention, kind and type of file narrow down, alone and together.
pub async fn search_narrows_by_tags(subject: Indexed<'_>) {
    let (bob, pdf, image) = (Tag::mention(&user("bob")), Tag::file_type("application/pdf"), Tag::kind("image"));
    let with = |sequence: u64, tags: &[Tag]| {
        let document = subject.document(sequence, "tea");
        Document { tags: document.tags.iter().chain(tags).copied().collect(), ..document }
    };
    subject.put(&[with(1, &[bob]), with(2, &[pdf]), with(3, &[bob, image]), with(4, &[])]).await;
    let by = |sets: &[&[Tag]]| {
        let tags = sets.iter().map(|set| set.iter().copied().collect()).collect();
        Asked { tags, ..asked("") }
    };
    assert_eq!(subject.found(&by(&[&[bob]])).await, [3, 1]);
    assert_eq!(subject.found(&by(&[&[bob, pdf]])).await, [3, 2, 1]);
    assert_eq!(subject.found(&by(&[&[bob], &[image]])).await, [3]);
    assert_eq!(subject.found(&by(&[&[Tag::mention_all()]])).await, [0; 0]);
    assert_eq!(subject.found(&Asked { words: Some("tea"), ..by(&[&[pdf]]) }).await, [2]);
}

/// Of a message the highest version counts, whatever the order in which they come; what is gone does not come back.
pub async fn search_changes_come_in_any_order(subject: Indexed<'_>) {
    let first = subject.document(1, "tea");
    let edited = Document { version: Sequence(9), text: Some("coffee".into()), ..first.clone() };
    let gone = subject.document(2, "tea");
    let remove = Change::Remove { key: gone.key, shard: gone.shard, ts: gone.ts };
    subject.put(std::slice::from_ref(&edited)).await;
    subject.put(&[first.clone(), first]).await;
    assert_eq!(subject.found(&asked("tea")).await, [0; 0], "the edit came first");
    assert_eq!(subject.candidates(&asked("coffee")).await[0].version, Sequence(9));
    subject.put(&[edited]).await;
    assert_eq!(subject.found(&asked("coffee")).await, [1], "told twice, found once");
    subject.put(std::slice::from_ref(&gone)).await;
    assert_eq!(subject.found(&asked("tea")).await, [2]);
    subject.index.apply(&[remove]).await.unwrap();
    subject.put(std::slice::from_ref(&gone)).await;
    assert_eq!(subject.found(&asked("tea")).await, [0; 0], "the stream brought it again");
    subject.index.maintain(ALWAYS, Timestamp(0), NOW).await.unwrap();
    subject.put(&[gone]).await;
    assert_eq!(subject.found(&asked("tea")).await, [0; 0]);
    assert_eq!(subject.found(&asked("coffee")).await, [1]);
}

/// Pages fit together, by time and by relevance, over months.
pub async fn search_pages_fit_together(subject: Indexed<'_>) {
    let month_ago = |months: u64| NOW.minus_ms(months * 31 * DAY_MS);
    let documents: Vec<Document> = (1..=9)
        .map(|sequence| subject.document_at("room", sequence, month_ago(9 - sequence), "tea and biscuits"))
        .collect();
    subject.put(&documents).await;
    let weak = "tea in a very long text of many other words that all have nothing to do with what is looked for";
    subject.put(&[subject.document_at("room", 10, NOW, weak)]).await;
    for (order, expected) in
        [(Order::Recent, vec![10, 9, 8, 7, 6, 5, 4, 3, 2, 1]), (Order::Relevant, vec![9, 8, 7, 6, 5, 4, 3, 2, 1])]
    {
        let words = if order == Order::Recent { "tea" } else { "biscuits" };
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = subject.candidates(&Asked { order, after, limit: 3, ..asked(words) }).await;
            assert!(page.len() <= 3 && page.is_sorted_by(|one, next| one.place > next.place));
            let Some(last) = page.last() else { break };
            after = Some(last.place);
            found.extend(page.iter().map(|candidate| candidate.place.key.sequence.0));
        }
        if order == Order::Recent {
            assert_eq!(found, expected);
        } else {
            found.sort_unstable();
            assert_eq!(found, (1..=9).collect::<Vec<u64>>(), "each once");
        }
    }
}

/// Words are forgotten where a member has withdrawn, and dropped where they are too old; all else stays until it is
/// too old itself.
pub async fn search_forgets_words_and_months(subject: Indexed<'_>) {
    let old = NOW.minus_ms(100 * DAY_MS);
    let other = subject.document_at("other", 1, NOW.minus_ms(DAY_MS), "tea");
    let documents =
        [subject.document_at("room", 1, old, "tea"), subject.document(2, "tea"), subject.document(3, "tea"), other];
    subject.put(&documents).await;
    let room = Tag::conversation(&subject.conversation("room"));
    let until = NOW.minus_ms(DAY_MS).plus_ms(2);
    subject.index.forget_text(room, until, NOW).await.unwrap();
    let both = |words| Asked { scope: vec![("room", 1), ("other", 1)], ..asked(words) };
    for _ in 0..2 {
        assert_eq!(subject.found(&both("tea")).await, [3, 1], "of the room only what came later");
        assert_eq!(subject.found(&asked("")).await, [3, 2, 1]);
        subject.index.maintain(ALWAYS, Timestamp(0), NOW).await.unwrap();
    }
    let short = Lifecycle { text_months: 1, months: 1000 };
    subject.index.maintain(short, Timestamp(0), NOW.plus_ms(40 * DAY_MS)).await.unwrap();
    assert_eq!(subject.found(&both("tea")).await, [0; 0], "the words of earlier months are dropped");
    assert_eq!(subject.found(&asked("")).await, [3, 2, 1]);
    let shorter = Lifecycle { text_months: 1, months: 3 };
    subject.index.maintain(shorter, Timestamp(0), NOW).await.unwrap();
    assert_eq!(subject.found(&asked("")).await, [3, 2], "a whole month is dropped");
}
