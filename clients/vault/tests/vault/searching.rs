//! What a search finds.

use tidings_vault::{Query, Vault};

use crate::support::{CONVERSATION, Folder, keep, message, vault};

fn filled(folder: &Folder) -> Vault {
    let mut vault = vault(folder);
    let mut photo = message(4, "Sunset over the harbour");
    "image".clone_into(&mut photo.kind);
    "bob".clone_into(&mut photo.sender_user_id);
    let mut mention = message(5, "Dinner tomorrow, @carol?");
    mention.mentions = vec!["carol".to_owned()];
    let mut elsewhere = message(1, "Dinner elsewhere");
    "u:a|u:b".clone_into(&mut elsewhere.conversation_id);
    keep(
        &mut vault,
        &[
            message(1, "Dinner at the crème brûlée place"),
            message(2, "明日は東京タワーに行きます"),
            message(3, "Accommodation is booked"),
            photo,
            mention,
            elsewhere,
            message(6, "สวัสดีครับ"),
            message(7, "Straße zum ÜBUNGSPLATZ, 42"),
        ],
    );
    vault
}

fn find(vault: &Vault, query: &Query) -> Vec<u64> {
    vault.search(query, 50).unwrap().into_iter().map(|hit| hit.message.sequence).collect()
}

fn text(vault: &Vault, text: &str) -> Vec<u64> {
    find(vault, &Query { text: text.to_owned(), conversation_id: Some(CONVERSATION.to_owned()), ..Query::default() })
}

#[test]
fn words_are_found_whatever_their_case_and_accents() {
    let folder = Folder::new();
    let vault = filled(&folder);
    for (query, found) in [
        ("dinner", vec![5, 1]),
        ("DINNER tomorrow", vec![5]),
        ("creme brulee", vec![1]),
        ("Crème", vec![1]),
        ("cre\u{300}me", vec![1]),
        ("ubungsplatz", vec![7]),
        ("42", vec![7]),
        ("dinn", vec![]),
        ("nowhere", vec![]),
        ("\" OR \"", vec![]),
        ("dinner\" OR \"sunset", vec![]),
        ("NEAR(dinner)", vec![]),
        ("text:dinner", vec![]),
    ] {
        assert_eq!(text(&vault, query), found, "{query}");
    }
}

#[test]
fn scripts_without_spaces_are_found_by_characters() {
    let folder = Folder::new();
    let vault = filled(&folder);
    for (query, found) in [
        ("東京", vec![2]),
        ("京タ", vec![2]),
        ("東タ", vec![]),
        ("タワー", vec![2]),
        ("明", vec![2]),
        ("สวัสดี", vec![6]),
    ] {
        assert_eq!(text(&vault, query), found, "{query}");
    }
}

#[test]
fn a_word_may_go_on_or_be_misspelt() {
    let folder = Folder::new();
    let vault = filled(&folder);
    let prefix = |text: &str| find(&vault, &Query { text: text.to_owned(), is_prefix: true, ..Query::default() });
    assert_eq!(prefix("accom"), [3]);
    assert_eq!(prefix("is acc"), [3]);
    assert_eq!(prefix("acc is"), [] as [u64; 0]);
    let fuzzy = |text: &str, edits_max| find(&vault, &Query { text: text.to_owned(), edits_max, ..Query::default() });
    for (query, edits, found) in [
        ("dinenr tomorrxow", 1, vec![5]),
        ("dinenr tomorrxow", 0, vec![]),
        ("accxmmodatiom", 2, vec![3]),
        ("accxmmodatiom", 1, vec![]),
        ("accxmmodation", 1, vec![3]),
        ("sunsat", 1, vec![4]),
        // Short words are all alike: they are taken as they are.
        ("thx", 2, vec![]),
    ] {
        assert_eq!(fuzzy(query, edits), found, "{query} {edits}");
    }
}

#[test]
fn what_is_found_is_filtered() {
    let folder = Folder::new();
    let vault = filled(&folder);
    let some = |text: &str| Some(text.to_owned());
    let base = Query { text: "dinner".to_owned(), ..Query::default() };
    assert_eq!(find(&vault, &base), [5, 1, 1]);
    assert_eq!(find(&vault, &Query { conversation_id: some("u:a|u:b"), ..base.clone() }), [1]);
    assert_eq!(find(&vault, &Query { mention: some("carol"), ..base.clone() }), [5]);
    assert_eq!(find(&vault, &Query { mention: some("carol"), ..Query::default() }), [5]);
    assert_eq!(find(&vault, &Query { from_user_id: some("bob"), ..Query::default() }), [4]);
    let kinds = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect();
    assert_eq!(find(&vault, &Query { kinds: kinds(&["image", "video"]), ..Query::default() }), [4]);
    assert_eq!(find(&vault, &Query { kinds: kinds(&["video"]), ..Query::default() }), [] as [u64; 0]);
    let between = Query { after_ms: Some(3_000), before_ms: Some(5_000), ..Query::default() };
    assert_eq!(find(&vault, &between), [4, 3]);
    assert_eq!(vault.search(&Query::default(), 3).unwrap().len(), 3);
}

#[test]
fn what_was_edited_or_forgotten_is_not_found_as_it_was() {
    let folder = Folder::new();
    let mut vault = filled(&folder);
    vault
        .write(|tx| {
            tx.edit(CONVERSATION, 5, &serde_json::json!("Lunch"), Some("Lunch"))?;
            tx.forget(CONVERSATION, 1)?;
            Ok(())
        })
        .unwrap();
    assert_eq!(text(&vault, "dinner"), [] as [u64; 0]);
    assert_eq!(text(&vault, "lunch"), [5]);
    // Neither does the index remember the words.
    let fuzzy = Query { text: "brulde".to_owned(), edits_max: 1, ..Query::default() };
    assert_eq!(find(&vault, &fuzzy), [] as [u64; 0]);
}
