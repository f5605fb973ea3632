//! What an operator does with the data of one user.

use serde_json::{Value, json};
use tidings_tests::{User, direct, encoded, eventually, fresh, get_item, invoke, now_ms, run_dev};

#[tokio::test]
async fn all_that_there_is_of_a_user_can_be_handed_out_and_erased() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let secret = fresh("mine");
    let mut socket = alice.connect("phone").await;
    socket.say(&conversation, &secret).await;
    let mut of_bob = bob.connect("phone").await;
    of_bob.say(&conversation, "and mine").await;
    let draft = format!("/drafts/{}", encoded(&conversation));
    alice
        .http("phone")
        .send(reqwest::Method::PUT, &draft, &json!({ "payload": { "text": secret }, "ts": now_ms() }))
        .await
        .ok();

    let text = run_dev(&["recovery", "export", &alice.id]).unwrap();
    let export: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let said = &export["conversations"][0]["said"];
    assert_eq!(export["conversations"][0]["conversation"], json!(conversation));
    assert_eq!(said.as_array().map(Vec::len), Some(1), "what others wrote is not hers: {said}");
    assert!(said[0]["p"].to_string().contains(&secret));
    assert!(export["personal"].to_string().contains(&secret), "her draft: {}", export["personal"]);
    assert_eq!(export["devices"][0]["dev"], "phone");

    let refused = run_dev(&["recovery", "erase", &alice.id]).unwrap_err();
    assert!(refused.contains("--yes"), "{refused}");
    run_dev(&["recovery", "erase", &alice.id, "--yes"]).unwrap();
    let row = |sequence: u64| {
        get_item(
            "LogTable",
            json!({ "pk": { "S": format!("{conversation}#0") }, "seq": { "N": sequence.to_string() } }),
        )
    };
    eventually("the sweeper to have taken the content away", || async {
        invoke("sweeper", &json!({})).await;
        let hers = row(1).await;
        (hers["x"]["S"] == "deleted" && hers["p"]["S"] == "null").then_some(())
    })
    .await;
    assert!(row(2).await["p"]["S"].to_string().contains("and mine"), "what others wrote stays");
    assert_eq!(alice.http("phone").get("/sync").await.status, 403, "her devices do not come back");
    let text = run_dev(&["recovery", "export", &alice.id]).unwrap();
    assert!(!text.contains(&secret), "{text}");
}
