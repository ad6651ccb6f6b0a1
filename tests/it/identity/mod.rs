//! Accounts, sessions and sign-ins.

mod openid;
mod openid_logout;
mod openid_token;
