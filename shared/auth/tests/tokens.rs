//! Access tokens against a key set that rotates, ages and goes away; tickets; devices.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use serde_json::{Value, json};
use tidings_auth::{
    ConnectError, ConnectPorts, Credential, Fetch, FetchError, IssuerUrl, KeySets, TokenError, TokenVerifier,
    authenticate, issue_ticket,
};
use tidings_domain::{
    ids::{DeviceId, Sender, UserId},
    ports::{BoxFuture, Devices},
};
use tidings_memory::World;

const ISSUER: &str = "https://id.example";

struct Key {
    kid: &'static str,
    algorithm: Algorithm,
    signing: EncodingKey,
    public: Value,
}

impl Key {
    fn es256(kid: &'static str) -> Self {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let signing = EncodingKey::from_ec_der(document.as_ref());
        let mut public = serde_json::to_value(Jwk::from_encoding_key(&signing, Algorithm::ES256).unwrap()).unwrap();
        public["kid"] = json!(kid);
        Self { kid, algorithm: Algorithm::ES256, signing, public }
    }

    fn ed25519(kid: &'static str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        let public = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": kid, "x": x });
        Self { kid, algorithm: Algorithm::EdDSA, signing: EncodingKey::from_ed_der(document.as_ref()), public }
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.kid.into());
        encode(&header, claims, &self.signing).unwrap()
    }
}

/// An issuer whose keys a test sets, and that may be away.
#[derive(Default)]
struct Issuer {
    keys: Mutex<Option<Vec<Value>>>,
    fetches: AtomicUsize,
}

impl Issuer {
    fn publish(&self, keys: &[&Key]) {
        *self.keys.lock().unwrap() = Some(keys.iter().map(|key| key.public.clone()).collect());
    }

    fn go_away(&self) {
        *self.keys.lock().unwrap() = None;
    }
}

impl Fetch for Issuer {
    fn get<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, FetchError>> {
        Box::pin(async move {
            let Some(keys) = self.keys.lock().unwrap().clone() else {
                return Err(FetchError::Unreachable { url: url.into(), source: "away".into() });
            };
            let document = if url == format!("{ISSUER}/.well-known/openid-configuration") {
                json!({ "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/keys") })
            } else {
                assert_eq!(url, format!("{ISSUER}/keys"));
                self.fetches.fetch_add(1, Ordering::Relaxed);
                json!({ "keys": keys })
            };
            Ok(document.to_string().into_bytes())
        })
    }
}

fn verifier(issuer: &Arc<Issuer>, world: &World) -> TokenVerifier {
    let keys = KeySets::new(IssuerUrl::parse(ISSUER).unwrap(), issuer.clone(), Arc::new(world.clone()));
    TokenVerifier::new(keys, "tidings")
}

#[expect(clippy::disallowed_methods, reason = "the JWT library takes the machine's clock")]
fn now_seconds() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn claims(change: impl FnOnce(&mut Value)) -> Value {
    let now = now_seconds();
    let mut claims =
        json!({ "iss": ISSUER, "aud": "tidings", "sub": "alice", "iat": now, "nbf": now, "exp": now + 600 });
    change(&mut claims);
    claims
}

#[tokio::test(start_paused = true)]
async fn tokens_of_the_issuer_for_us_tell_the_user() {
    let (issuer, world) = (Arc::new(Issuer::default()), World::new(1));
    let (es256, ed25519) = (Key::es256("a"), Key::ed25519("b"));
    issuer.publish(&[&es256, &ed25519]);
    let verifier = verifier(&issuer, &world);
    for key in [&es256, &ed25519] {
        let user = verifier.verify(&key.sign(&claims(|_| {}))).await.unwrap();
        assert_eq!(user.as_str(), "alice");
    }
    assert_eq!(issuer.fetches.load(Ordering::Relaxed), 1, "the key set is cached");
}

#[tokio::test(start_paused = true)]
async fn bad_tokens_are_refused_for_their_reason() {
    let (issuer, world) = (Arc::new(Issuer::default()), World::new(1));
    let (key, forger) = (Key::es256("a"), Key::es256("a"));
    issuer.publish(&[&key]);
    let verifier = verifier(&issuer, &world);
    let now = now_seconds();
    let refused = [
        (key.sign(&claims(|c| c["exp"] = json!(now - 60))), "the token has expired"),
        (key.sign(&claims(|c| c["nbf"] = json!(now + 60))), "the token is not valid: not valid yet"),
        (key.sign(&claims(|c| c["iss"] = json!("https://other.example"))), "the token is not valid: issuer"),
        (key.sign(&claims(|c| c["aud"] = json!("other"))), "the token is not valid: audience"),
        (key.sign(&claims(|c| c["sub"] = json!("a b"))), "the token's subject is no user id"),
        (
            key.sign(&claims(|c| drop(c.as_object_mut().unwrap().remove("exp")))),
            "the token is not valid: a claim is missing",
        ),
        (forger.sign(&claims(|_| {})), "the token is not valid: signature"),
        ("garbage".into(), "the token is not valid: not a JWT"),
        ("a".repeat(9000), "the token is not valid: too long"),
        // {"alg":"none"} and {"alg":"HS256"}: the algorithm is ours to choose.
        ("eyJhbGciOiJub25lIn0.e30.".into(), "the token is not valid: not a JWT"),
        ("eyJhbGciOiJIUzI1NiJ9.e30.AAAA".into(), "the token is not valid: signature algorithm"),
    ];
    for (token, reason) in refused {
        assert_eq!(verifier.verify(&token).await.unwrap_err().to_string(), reason, "{token}");
    }
}

/// Every bit of a token counts, and so does where it ends.
#[tokio::test(start_paused = true)]
async fn a_token_that_is_changed_anywhere_is_refused() {
    let (issuer, world) = (Arc::new(Issuer::default()), World::new(1));
    let (ed25519, es256) = (Key::ed25519("a"), Key::es256("b"));
    issuer.publish(&[&ed25519, &es256]);
    let verifier = verifier(&issuer, &world);
    let token = ed25519.sign(&claims(|_| {}));
    let other = es256.sign(&claims(|_| {}));
    let mut changed: Vec<String> = (0..token.len()).map(|end| token[..end].to_owned()).collect();
    for at in 0..token.len() * 8 {
        let mut bytes = token.clone().into_bytes();
        bytes[at / 8] ^= 1 << (at % 8);
        changed.extend(String::from_utf8(bytes));
    }
    let (body, signature) = token.rsplit_once('.').unwrap();
    let (other_body, other_signature) = other.rsplit_once('.').unwrap();
    changed.extend([format!("{body}.{other_signature}"), format!("{other_body}.{signature}"), format!("{token}A")]);
    for token in changed {
        assert!(matches!(verifier.verify(&token).await, Err(TokenError::Invalid(_))), "{token}");
    }
    verifier.verify(&token).await.unwrap();
}

/// The JWT library would bring the function down by them, at the word of whoever names the key.
#[tokio::test(start_paused = true)]
async fn keys_that_cannot_verify_a_token_are_none() {
    let (issuer, world) = (Arc::new(Issuer::default()), World::new(1));
    let good = Key::ed25519("good");
    let mut short = Key::ed25519("short");
    short.public["x"] = json!("oJql9HPA");
    let mut for_agreement = Key::ed25519("x25519");
    for_agreement.public["crv"] = json!("X25519");
    let mut for_encryption = Key::ed25519("enc");
    for_encryption.public["use"] = json!("enc");
    issuer.publish(&[&short, &for_agreement, &for_encryption, &good]);
    let verifier = verifier(&issuer, &world);
    for key in [&short, &for_agreement, &for_encryption] {
        let refused = verifier.verify(&key.sign(&claims(|_| {}))).await;
        assert!(matches!(refused, Err(TokenError::Invalid("unknown key"))), "{}: {refused:?}", key.kid);
    }
    verifier.verify(&good.sign(&claims(|_| {}))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_fetched_when_a_token_names_it_but_not_for_every_stranger() {
    let (issuer, world) = (Arc::new(Issuer::default()), World::new(1));
    let (old, new, stranger) = (Key::es256("old"), Key::es256("new"), Key::es256("stranger"));
    issuer.publish(&[&old]);
    let verifier = verifier(&issuer, &world);
    verifier.verify(&old.sign(&claims(|_| {}))).await.unwrap();
    issuer.publish(&[&old, &new]);
    for _ in 0..20 {
        let refused = verifier.verify(&stranger.sign(&claims(|_| {}))).await;
        assert!(matches!(refused, Err(TokenError::Invalid("unknown key"))));
    }
    assert_eq!(issuer.fetches.load(Ordering::Relaxed), 1, "within seconds of the last fetch");
    tokio::time::sleep(std::time::Duration::from_secs(11)).await;
    verifier.verify(&new.sign(&claims(|_| {}))).await.unwrap();
    assert_eq!(issuer.fetches.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn the_last_key_set_serves_a_day_while_the_issuer_is_away() {
    let (issuer, world) = (Arc::new(Issuer::default()), World::new(1));
    let key = Key::es256("a");
    let verifier = verifier(&issuer, &world);
    let token = key.sign(&claims(|_| {}));
    assert!(matches!(verifier.verify(&token).await, Err(TokenError::Keys(_))), "nothing to go by");
    issuer.publish(&[&key]);
    verifier.verify(&token).await.unwrap();
    issuer.go_away();
    tokio::time::sleep(std::time::Duration::from_hours(2)).await;
    verifier.verify(&token).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_hours(24)).await;
    assert!(matches!(verifier.verify(&token).await, Err(TokenError::Keys(_))));
}

#[tokio::test(start_paused = true)]
async fn a_ticket_works_once_and_for_thirty_seconds() {
    let (issuer, world) = (Arc::new(Issuer::default()), World::new(1));
    let tokens = verifier(&issuer, &world);
    let ports = ConnectPorts { tokens: &tokens, tickets: &world, devices: &world, clock: &world };
    let alice = Sender { user: UserId::parse("alice").unwrap(), device: DeviceId::parse("web").unwrap() };

    let (ticket, _) = issue_ticket(&world, &world, &alice).await.unwrap();
    assert_eq!(authenticate(ports, Credential::Ticket(&ticket)).await.unwrap().owner, alice);
    let again = authenticate(ports, Credential::Ticket(&ticket)).await;
    assert!(matches!(again, Err(ConnectError::Unauthorized(_))));

    let (late, _) = issue_ticket(&world, &world, &alice).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    assert!(matches!(authenticate(ports, Credential::Ticket(&late)).await, Err(ConnectError::Unauthorized(_))));
    assert!(matches!(authenticate(ports, Credential::Ticket("x")).await, Err(ConnectError::Unauthorized(_))));
    assert!(matches!(authenticate(ports, Credential::Missing).await, Err(ConnectError::Unauthorized(_))));
}

#[tokio::test(start_paused = true)]
async fn a_revoked_device_may_not_connect() {
    let (issuer, world) = (Arc::new(Issuer::default()), World::new(1));
    let tokens = verifier(&issuer, &world);
    let ports = ConnectPorts { tokens: &tokens, tickets: &world, devices: &world, clock: &world };
    let alice = Sender { user: UserId::parse("alice").unwrap(), device: DeviceId::parse("web").unwrap() };
    world.touch(&alice, world.now()).await.unwrap();
    world.revoke(&alice);
    let (ticket, _) = issue_ticket(&world, &world, &alice).await.unwrap();
    assert!(matches!(authenticate(ports, Credential::Ticket(&ticket)).await, Err(ConnectError::Revoked)));
}
