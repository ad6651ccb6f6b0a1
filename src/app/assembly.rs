//! The parts of a node, each given its settings from the configuration.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tracing::warn;

use super::Failure;
use super::calls::{calls, entrance};
use super::key_files::KeyFiles;
use crate::actors::Hub;
use crate::actors::hub;
use crate::actors::throttle::Allowance;
use crate::auth::{Authenticator, Passwords, RefreshKey, Seal, Supabase, Tokens, Voucher, token};
use crate::config::Config;
use crate::config::values::HttpUrl;
use crate::delivery::{self, Deliveries};
use crate::domain::consultations::room::Rules;
use crate::domain::origin::Origins;
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::http::clinical::suggestions::advisor::Advisor;
use crate::http::consultations::Calls;
use crate::http::identity::Elsewhere;
use crate::http::identity::delegation::AuthService;
use crate::http::identity::liveness::Rows;
use crate::http::identity::openid::Provider;
use crate::http::identity::openid::back_channel::Courier;
use crate::http::limits::{self, Limits};
use crate::http::platform::pulse::Pulse;
use crate::outgoing;
use crate::persistence::{self, Store, partitions};
use crate::storage::{self, Files};
use crate::telemetry::logs::LogLevel;
use crate::telemetry::otlp::Exporter;
use crate::telemetry::{Metrics, Tracer};

/// Events one user may send a second over all sockets, for each event one socket may send.
const USER_FACTOR: f64 = 4.0;

/// How long a service may take to say that it lives.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);

/// How long a message that could not be sent waits for its first retry (contract §5.18).
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// What the routes are built on.
pub(super) struct Parts {
    pub store: Store,
    pub authenticator: Authenticator,
    pub passwords: Passwords,
    pub seal: Seal,
    pub deliveries: Deliveries,
    pub elsewhere: Elsewhere,
    pub livekit: Option<Pulse>,
    pub files: Files,
    pub hub: Hub,
    pub origins: Origins,
    pub limits: Arc<Limits>,
    pub openid: Arc<Provider>,
    pub courier: Courier,
    pub metrics: Metrics,
    pub tracer: Tracer,
    pub log_level: LogLevel,
    pub advisor: Option<Advisor>,
    pub calls: Arc<Calls>,
}

impl Parts {
    pub(super) async fn of(
        config: &Config,
        keys: &KeyFiles,
        log_level: LogLevel,
    ) -> Result<Self, Failure> {
        let metrics = Metrics::start().map_err(Error::internal)?;
        if config.cluster.redis_url.is_some() {
            warn!("REDIS_URL is set, but this version serves as a single node");
        }
        let store = store(config).await?;
        let authenticator = authenticator(config, keys, &store)?;
        let passwords = passwords(config)?;
        let seal = seal(config);
        let elsewhere = elsewhere(config)?;
        let livekit = livekit(config)?;
        let tracer = tracer(config).await?;
        let files = files(config)?;
        let deliveries = Deliveries::start(&deliveries(config))?;
        let calls = calls(config)?;
        let settings = hub_settings(config, &calls, tracer.clone());
        let hub = Hub::start(settings, store.clone(), authenticator.clone()).await?;
        let origins = Origins::new(config.server.cors_origin.clone());
        let limits = Arc::new(Limits::new(limits(config)));
        let openid = Arc::new(Provider::new(
            config.server.public_url.as_str(),
            config.openid.clients.clone(),
        ));
        let courier = Courier::new(store.clone(), authenticator.clone(), Arc::clone(&openid))?;
        Ok(Self {
            store,
            authenticator,
            passwords,
            seal,
            deliveries,
            elsewhere,
            livekit,
            files,
            hub,
            origins,
            limits,
            openid,
            courier,
            metrics,
            tracer,
            log_level,
            advisor: advisor(config)?,
            calls: Arc::new(calls),
        })
    }
}

/// The database, brought up to date unless told otherwise.
pub(super) async fn store(config: &Config) -> Result<Store, Failure> {
    let store = open(config).await?;
    if config.database.auto_migrate {
        migrate(&store).await?;
    }
    Ok(store)
}

/// Brings the tables, and the partitions of those that have them, up to date.
pub(super) async fn migrate(store: &Store) -> Result<(), Failure> {
    store.migrate().await?;
    Ok(partitions::prepare(store, Timestamp::now()).await?)
}

/// The database as it is.
pub(super) async fn open(config: &Config) -> Result<Store, Failure> {
    let settings = persistence::Settings {
        url: config.database.url.expose().to_owned(),
        pool_min: config.database.pool_min,
        pool_max: config.database.pool_max,
    };
    Ok(Store::open(&settings).await?)
}

/// How passwords are hashed and judged.
pub(super) fn passwords(config: &Config) -> Result<Passwords, Failure> {
    let identity = &config.identity;
    Ok(Passwords::new(identity.password_hash_concurrency, identity.password_min_score)?)
}

/// What keeps the tables of the server to itself.
fn seal(config: &Config) -> Seal {
    let identity = &config.identity;
    let previous = identity.jwt_previous_secret.as_ref().map(|it| it.expose().as_bytes());
    Seal::new(identity.jwt_secret.expose().as_bytes(), previous)
}

/// Where files are kept: in the bucket when there is one, else in the directory.
fn files(config: &Config) -> Result<Files, Failure> {
    let how = &config.storage;
    // All of these are set, or none.
    let bucket = match (&how.s3_bucket, &how.region, &how.access_key_id, &how.secret_access_key) {
        (Some(name), Some(region), Some(id), Some(secret)) => Some(storage::BucketSettings {
            name: name.clone(),
            region: region.clone(),
            access_key_id: id.clone(),
            secret_access_key: secret.clone(),
            endpoint: how.s3_endpoint.as_ref().map(|url| url.as_str().to_owned()),
            path_style: how.s3_force_path_style,
            kms_key_id: how.kms_key_id.clone(),
        }),
        _ => None,
    };
    Ok(Files::new(storage::Settings {
        directory: how.files_dir.clone(),
        bucket,
        key: how.data_encryption_key.0,
        limit: how.max_file_bytes,
    })?)
}

/// Where messages to people go out.
fn deliveries(config: &Config) -> delivery::Settings {
    let notifications = &config.notifications;
    delivery::Settings {
        mail: notifications
            .smtp_url
            .clone()
            .map(|url| delivery::mail::Settings { url, from: notifications.email_from.clone() }),
        first_pause: FIRST_PAUSE,
    }
}

fn authenticator(
    config: &Config,
    keys: &KeyFiles,
    store: &Store,
) -> Result<Authenticator, Failure> {
    let identity = &config.identity;
    let secret = identity.jwt_secret.expose().as_bytes();
    let previous = identity.jwt_previous_secret.as_ref().map(|it| it.expose().as_bytes());
    let tokens = Tokens::new(&token::Settings {
        secret: secret.to_vec(),
        previous_secret: previous.map(<[u8]>::to_vec),
        private_key: keys.signing.clone(),
        previous_public_key: keys.previous.clone(),
        ttl: identity.access_token_ttl,
    })?;
    Ok(Authenticator::new(crate::auth::Settings {
        tokens,
        refresh: RefreshKey::new(secret, previous),
        service_keys: identity
            .service_api_keys
            .iter()
            .map(|key| (key.name.clone(), key.key.expose().to_owned()))
            .collect(),
        dev_bypass: identity.auth_dev_bypass,
        voucher: identity
            .auth_service_url
            .is_some()
            .then(|| Voucher::new([Some(secret), previous].into_iter().flatten())),
        lookup: Arc::new(Rows(store.clone())),
    }))
}

/// How the media server is, where one is configured; its probe needs no credentials.
fn livekit(config: &Config) -> Result<Option<Pulse>, Failure> {
    let Some(url) = &config.media.livekit_url else { return Ok(None) };
    let client = outgoing::client(PROBE_PATIENCE)?;
    Ok(Some(Pulse::of_service(client, url.as_str().to_owned())))
}

/// What is recorded of traces, and the collector it goes to when one is configured.
async fn tracer(config: &Config) -> Result<Tracer, Failure> {
    let how = &config.observability;
    let exporter = match &how.otlp_endpoint {
        Some(endpoint) => Some(Exporter::start(endpoint.as_str(), &config.cluster.node_id).await?),
        None => None,
    };
    Ok(Tracer::new(how.sample_ratio.0, exporter))
}

fn elsewhere(config: &Config) -> Result<Elsewhere, Failure> {
    let identity = &config.identity;
    let supabase = Supabase::new(
        identity.supabase_jwt_secret.as_ref(),
        identity.supabase_jwks_url.as_ref().map(HttpUrl::as_str),
    )?;
    let auth_service =
        identity.auth_service_url.as_ref().map(|url| AuthService::new(url.as_str())).transpose()?;
    Ok(Elsewhere { supabase, auth_service })
}

/// Who is asked for diagnostic suggestions, where one is configured.
fn advisor(config: &Config) -> Result<Option<Advisor>, Failure> {
    let suggestions = &config.suggestions;
    let Some(url) = &suggestions.base_url else { return Ok(None) };
    let (key, model) = (suggestions.api_key.clone(), suggestions.model.clone());
    Ok(Some(Advisor::new(url.as_str(), key, model)?))
}

fn hub_settings(config: &Config, calls: &Calls, tracer: Tracer) -> hub::Settings {
    let realtime = &config.realtime;
    hub::Settings {
        node: config.cluster.node_id.as_str().into(),
        shards: available_parallelism().map_or(1, usize::from),
        max_connections: realtime.max_connections,
        max_connections_per_user: realtime.max_connections_per_user,
        allowances: allowances(config),
        compress_from: realtime.compression.then_some(realtime.compress_min_bytes),
        tracer,
        refresh_ttl: config.identity.refresh_token_ttl,
        relation: config.database.relation,
        presence_grace: realtime.presence_grace,
        rooms: rooms(config),
        entrance: entrance(calls),
    }
}

/// What rooms of consultations go by.
fn rooms(config: &Config) -> Rules {
    let media = &config.media;
    Rules {
        grace: media.signaling_grace,
        idle: media.room_idle,
        p2p_max_peers: media.p2p_max_peers,
    }
}

/// What one socket, and one user over all sockets, may send.
pub(super) fn allowances(config: &Config) -> Option<(Allowance, Allowance)> {
    let limits = &config.rate_limits;
    let allowance = |per_second| Allowance { per_second, burst: per_second * 2.0 };
    let own = f64::from(limits.events_per_second);
    limits.is_enabled.then(|| (allowance(own), allowance(own * USER_FACTOR)))
}

/// What one address and one account may ask.
pub(super) fn limits(config: &Config) -> limits::Settings {
    let limits = &config.rate_limits;
    limits::Settings {
        enabled: limits.is_enabled,
        anonymous: limits.anonymous_per_minute,
        account: limits.user_per_minute,
        login: limits.login_per_minute,
    }
}
