//! The configuration: the one reader of the environment.
//!
//! Every key is a typed field of a section, with its default and its meaning. The process
//! environment is asked first, then `.env` in the working directory, then the TOML file that
//! `LATIDO_CONFIG` names. Every problem is reported at once, by key and rule, never by value.
//! Lower layers do not see this module: `app` fills their settings from it.

pub mod identity;
mod key;
mod key_paths;
pub mod media;
pub mod observability;
pub mod openid;
mod reader;
pub mod realtime;
pub mod server;
pub mod services;
mod setting;
mod sources;
pub mod stores;
#[cfg(test)]
mod tests;
pub mod values;

pub use key::{Default, Key};
pub use key_paths::KeyPaths;
pub use reader::{Problem, Reader};
pub use sources::{CONFIG_FILE, Layer, Sources};

use identity::Identity;
use media::Media;
use observability::Observability;
use openid::OpenId;
use realtime::{RateLimits, Realtime};
use server::{Cluster, Server};
use services::{Notifications, Payments, Portals, Sections, Suggestions};
use stores::{Database, PostgresParts, Storage};
use values::Environment;

/// Everything the process was told, checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: Server,
    pub cluster: Cluster,
    pub database: Database,
    pub storage: Storage,
    pub identity: Identity,
    pub openid: OpenId,
    pub realtime: Realtime,
    pub rate_limits: RateLimits,
    pub media: Media,
    pub payments: Payments,
    pub notifications: Notifications,
    pub suggestions: Suggestions,
    pub portals: Portals,
    pub sections: Sections,
    pub observability: Observability,
}

/// Every key by section, in the order of `.env.example`.
pub const SECTIONS: &[(&str, &[Key])] = &[
    ("Listeners", Server::KEYS),
    ("Node and cluster", Cluster::KEYS),
    ("Database", Database::KEYS),
    ("PostgreSQL in parts", PostgresParts::KEYS),
    ("Files and recordings", Storage::KEYS),
    ("Identity", Identity::KEYS),
    ("OpenID Connect", OpenId::KEYS),
    ("Sockets", Realtime::KEYS),
    ("Rate limits", RateLimits::KEYS),
    ("Calls", Media::KEYS),
    ("Payments", Payments::KEYS),
    ("Notifications", Notifications::KEYS),
    ("Suggestions", Suggestions::KEYS),
    ("Portals", Portals::KEYS),
    ("Active section", Sections::KEYS),
    ("Observability", Observability::KEYS),
];

/// The key that says which environment this is.
const ENVIRONMENT: &Key = &Server::KEYS[0];

impl Config {
    /// Reads every key, or answers everything that is wrong with them.
    pub fn load(sources: &Sources) -> Result<Self, Vec<Problem>> {
        let keys: Vec<_> = SECTIONS.iter().flat_map(|(_, keys)| *keys).collect();
        let unknown = reader::unknown_names(&sources.file, &keys);
        let fallback =
            if sources.is_demo { Environment::Development } else { Environment::Production };
        let mut reader = Reader::new(keys, sources, ENVIRONMENT, fallback);

        let config = Self::read(&mut reader, sources.is_demo);
        server::rules(&mut reader);
        identity::rules(&mut reader);
        openid::rules(&mut reader);
        stores::rules(&mut reader);
        media::rules(&mut reader);
        services::rules(&mut reader);

        let mut problems = reader.into_problems();
        problems.extend(unknown);
        config.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// Reads section by section; every section is read whatever the others answer.
    fn read(reader: &mut Reader, is_demo: bool) -> Option<Self> {
        let server = Server::read(reader);
        let cluster = Cluster::read(reader);
        let database = Database::read(reader);
        let postgres = PostgresParts::read(reader);
        let storage = Storage::read(reader);
        let identity = Identity::read(reader);
        let openid = OpenId::read(reader);
        let realtime = Realtime::read(reader);
        let rate_limits = RateLimits::read(reader);
        let media = Media::read(reader);
        let payments = Payments::read(reader);
        let notifications = Notifications::read(reader);
        let suggestions = Suggestions::read(reader);
        let portals = Portals::read(reader);
        let sections = Sections::read(reader);
        let observability = Observability::read(reader);
        if is_demo && reader.environment() == Environment::Production {
            reader.problem(ENVIRONMENT.name, "must be development for serve --demo");
        }
        postgres?;
        Some(Self {
            server: Server { environment: reader.environment(), ..server? },
            cluster: cluster?,
            database: database?,
            storage: storage?,
            identity: identity?,
            openid: openid?,
            realtime: realtime?,
            rate_limits: rate_limits?,
            media: media?,
            payments: payments?,
            notifications: notifications?,
            suggestions: suggestions?,
            portals: portals?,
            sections: sections?,
            observability: observability?,
        })
    }
}
