//! Accounts: their holders, those who administer them, what becomes of their live sockets, and the
//! portals that have them sign in here.

mod accounts;
mod administration;
mod authority;
mod live_authority;
mod openid;
mod openid_logout;
mod openid_token;
mod settings;
mod storm;
