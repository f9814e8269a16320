//! The person's account on a Keystow server: made, signed in to, and joined with the vault.

pub(crate) mod place;

use std::io;
use std::path::Path;

use keystow_account::client::{Address, Client, ClientError, Session, SignIn};
use keystow_account::id::DeviceId;
use keystow_account::keys::{AccountKey, CopyKey, RecoveryCode};
use keystow_account::wire::{Bytes, Method, Name, Refusal};
use keystow_find::hide_controls;
use keystow_os::files;
use keystow_vault::{Opened, UnlockError, Vault};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use self::place::{open_file, seal_file};
use super::App;
use super::error::{Error, Result, at};

/// The name of the account as a place.
pub(crate) const ACCOUNT: &str = "account";
/// The vault's identity on the server, sealed under a key that comes out of the password alone.
const IDENTITY: &str = "account-identity";
const FORMAT: u32 = 1;
const MOST: u64 = 64 * 1024;
/// A password shorter than this is guessed.
const SHORTEST_PASSWORD: usize = 12;
/// Characters of the name of a device.
const LONGEST_LABEL: usize = 64;

/// The account that this device is signed in to. The device keeps what backing up needs, and nothing that opens a
/// record.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) address: Address,
    pub(crate) name: Name,
    pub(crate) session: Session,
    pub(crate) copy_key: CopyKey,
    /// What the owner calls this device.
    pub(crate) device_name: Option<String>,
    /// Whether nobody confirmed yet that the recovery code was written down.
    pub(crate) unproven_code: bool,
}

#[derive(Serialize, Deserialize)]
struct Text {
    format: u32,
    server: Address,
    name: Name,
    session: Session,
    copy_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device_name: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unproven_code: bool,
}

/// What became of joining the account and the vault of this PC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// The account has no vault yet, and this PC neither.
    Neither,
    /// The vault of this PC lies in the account now.
    Here,
    /// The vault of the account is known on this PC now.
    There,
    /// Each has a vault of its own.
    Different,
}

impl Account {
    fn new(address: &Address, name: &Name, session: Session, key: &AccountKey) -> Self {
        let (address, name, copy_key) = (address.clone(), name.clone(), key.copy_key());
        Self { address, name, session, copy_key, device_name: None, unproven_code: false }
    }

    /// Reads what this file says of the sign-in of this device.
    fn load(path: &Path) -> io::Result<Option<Self>> {
        let bytes = match files::read(path, MOST) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "damaged; sign in again");
        let text: Text = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        let copy_key = CopyKey::parse(&text.copy_key).filter(|_| text.format == FORMAT).ok_or_else(damaged)?;
        let Text { server: address, name, session, device_name, unproven_code, .. } = text;
        Ok(Some(Self { address, name, session, copy_key, device_name, unproven_code }))
    }

    /// A connection that is signed in.
    pub(crate) fn client(&self) -> std::result::Result<Client, ClientError> {
        Client::signed_in(&self.address, &self.session.token)
    }

    /// What a device is called, for the eyes of the account's owner.
    pub(crate) fn label(&self, sealed: &Bytes) -> Option<String> {
        let (name, label) = open_file(&self.copy_key, sealed)?;
        let label = String::from_utf8(label).ok().filter(|_| name == "label")?;
        Some(hide_controls(&label).chars().take(LONGEST_LABEL).collect())
    }
}

impl App {
    /// The account that this device is signed in to.
    pub(crate) fn account(&self) -> Result<Option<Account>> {
        let path = self.paths.account();
        Account::load(&path).map_err(at(path))
    }

    /// The account that this device must be signed in to.
    pub(crate) fn signed_in(&self) -> Result<Account> {
        self.account()?.ok_or(Error::NotSignedIn)
    }

    /// Remembers a sign-in.
    pub(crate) fn save_account(&self, account: &Account) -> Result<()> {
        let path = self.paths.account();
        let text = Text {
            format: FORMAT,
            server: account.address.clone(),
            name: account.name.clone(),
            session: account.session.clone(),
            copy_key: account.copy_key.reveal().to_string(),
            device_name: account.device_name.clone(),
            unproven_code: account.unproven_code,
        };
        let text = Zeroizing::new(serde_json::to_vec_pretty(&text).map_err(io::Error::other).map_err(at(&path))?);
        files::create_dir(self.paths.data()).map_err(at(&path))?;
        files::replace(&path, &text).map_err(at(path))
    }

    /// Makes an account, proves its recovery code, and signs this device in.
    pub(crate) fn create_account(
        &self,
        address: &Address,
        name: &Name,
        password: &str,
    ) -> Result<(Account, AccountKey, RecoveryCode)> {
        if password.chars().count() < SHORTEST_PASSWORD {
            return Err(Error::WeakPassword { needed: SHORTEST_PASSWORD });
        }
        let mut client = Client::new(address)?;
        let (SignIn { session, key }, code) = client.create(name, password)?;
        let account = Account { unproven_code: true, ..Account::new(address, name, session, &key) };
        self.finish_sign_in(&client, &account)?;
        Ok((account, key, code))
    }

    /// Signs this device in.
    pub(crate) fn sign_in(
        &self,
        address: &Address,
        name: &Name,
        method: Method,
        secret: &str,
    ) -> Result<(Account, AccountKey)> {
        let mut client = Client::new(address)?;
        let sign_in = client.sign_in(name, method, secret)?;
        self.take_sign_in(&client, address, name, sign_in)
    }

    /// Remembers a sign-in that was made, and names the device. The sign-in before it, if it is of the same account, ends.
    pub(crate) fn take_sign_in(
        &self,
        client: &Client,
        address: &Address,
        name: &Name,
        sign_in: SignIn,
    ) -> Result<(Account, AccountKey)> {
        let SignIn { session, key } = sign_in;
        let before = self.account().ok().flatten().filter(|before| before.session.account == session.account);
        let mut account = Account::new(address, name, session, &key);
        if let Some(before) = &before {
            account.device_name.clone_from(&before.device_name);
            account.unproven_code = before.unproven_code;
        }
        self.finish_sign_in(client, &account)?;
        if let Some(mut client) = before.and_then(|before| before.client().ok()) {
            // It may have ended already.
            let _ = client.sign_out();
        }
        Ok((account, key))
    }

    fn finish_sign_in(&self, client: &Client, account: &Account) -> Result<()> {
        self.save_account(account)?;
        let named = account.device_name.clone().or_else(keystow_os::device::name);
        let named = named.unwrap_or_else(|| "a PC".to_owned());
        // A device without a name is still a device.
        let _ = self.name_device(client, account, account.session.device, &named);
        Ok(())
    }

    /// Names a device; the server sees no name.
    pub(crate) fn name_device(&self, client: &Client, account: &Account, device: DeviceId, name: &str) -> Result<()> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_LABEL || hide_controls(name) != name {
            return Err(Error::DeviceName { most: LONGEST_LABEL });
        }
        let label = seal_file(&account.copy_key, "label", name.as_bytes()).map_err(at(self.paths.account()))?;
        client.label(device, label)?;
        if device == account.session.device && account.device_name.as_deref() != Some(name) {
            self.save_account(&Account { device_name: Some(name.to_owned()), ..account.clone() })?;
        }
        Ok(())
    }

    /// Forgets the sign-in of this device, here and on the server. The account stays, and the list of places too.
    pub(crate) fn sign_out(&self) -> Result<bool> {
        let ended = self.signed_in()?.client().and_then(|mut client| client.sign_out());
        let path = self.paths.account();
        match ended {
            Err(error) if error.refusal() != Some(Refusal::NotSignedIn) => {
                files::remove(&path).map_err(at(path))?;
                Ok(false)
            }
            _ => files::remove(&path).map_err(at(path)).map(|()| true),
        }
    }

    /// Puts the vault's identity into the account, sealed under what only the password opens.
    pub(crate) fn put_identity(&self, account: &Account, key: &AccountKey, opened: &Opened) -> Result<()> {
        let client = account.client()?;
        if identity_at(&client, account, key)?.is_some() {
            return Ok(());
        }
        let sealed = key.seal_identity(opened.reveal_identity().as_bytes()).map_err(ClientError::from)?;
        let file = seal_file(&account.copy_key, IDENTITY, &sealed.0).map_err(at(self.paths.account()))?;
        Ok(client.put_file(account.copy_key.file_id(IDENTITY), file)?)
    }

    /// The identity of the vault that lies in the account, if one does.
    pub(crate) fn identity(&self, account: &Account, key: &AccountKey) -> Result<Option<Zeroizing<Vec<u8>>>> {
        identity_at(&account.client()?, account, key)
    }

    /// Whether the server keeps anything of a vault for this account.
    pub(crate) fn holds_something(&self, account: &Account) -> Result<bool> {
        let client = account.client()?;
        let own = account.copy_key.file_id(IDENTITY);
        Ok(!client.heads()?.0.is_empty() || client.files()?.iter().any(|file| file.id != own))
    }

    /// Refuses to make a vault on this PC while the account that it is signed in to keeps one already.
    pub(crate) fn expect_empty_account(&self) -> Result<()> {
        match self.account()? {
            Some(account) if self.holds_something(&account)? => Err(Error::VaultInAccount),
            _ => Ok(()),
        }
    }

    /// Opens the vault with the password of the account.
    pub(crate) fn unlock_with_password(&self, vault: &Vault, password: &str) -> Result<Opened> {
        let Account { address, name, .. } = self.signed_in()?;
        let (account, key) = self.sign_in(&address, &name, Method::Password, password)?;
        let identity = self.identity(&account, &key)?.ok_or(Error::Unlock(UnlockError::NoIdentity))?;
        Ok(vault.unlock_with(&identity, ACCOUNT)?)
    }

    /// Joins the account and the vault: whichever of the two is missing on the other side is put there. `open` opens the
    /// vault of this PC when it is needed.
    pub(crate) fn join_account<E: From<Error>>(
        &self,
        account: &Account,
        key: &AccountKey,
        open: impl FnOnce(&Vault) -> std::result::Result<Opened, E>,
    ) -> std::result::Result<(Joined, Option<(Vault, Opened)>), E> {
        let identity = self.identity(account, key)?;
        let place = std::path::PathBuf::from(ACCOUNT);
        match (identity, self.has_vault() || self.device().is_some()) {
            (None, false) if self.holds_something(account)? => Err(Error::IdentityMissing.into()),
            (None, false) => Ok((Joined::Neither, None)),
            (None, true) => {
                let vault = self.open_vault()?;
                let opened = open(&vault)?;
                // Opening may have asked for the password, and so have taken the place of this sign-in.
                self.put_identity(&self.signed_in()?, key, &opened)?;
                let vault = self.adopt_places(std::slice::from_ref(&place), vault)?;
                Ok((Joined::Here, Some((vault, opened))))
            }
            (Some(identity), false) => {
                let mut vault = self.open_vault_in(std::slice::from_ref(&place))?;
                let opened = vault.unlock_with(&identity, ACCOUNT).map_err(Error::from)?;
                self.save_list(&super::places::List { places: vec![place], unfinished: Vec::new() })?;
                self.enroll(&mut vault, &opened)?;
                // A server can be lost too, so this PC keeps a copy of its own.
                let vault = self.adopt_places(&[self.paths.vault()], vault)?;
                Ok((Joined::There, Some((vault, opened))))
            }
            (Some(identity), true) => {
                let vault = self.open_vault()?;
                match vault.unlock_with(&identity, ACCOUNT) {
                    Ok(opened) => {
                        let vault = self.adopt_places(std::slice::from_ref(&place), vault)?;
                        Ok((Joined::There, Some((vault, opened))))
                    }
                    Err(UnlockError::Foreign { .. }) => Ok((Joined::Different, None)),
                    Err(error) => Err(Error::from(error).into()),
                }
            }
        }
    }
}

fn identity_at(client: &Client, account: &Account, key: &AccountKey) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let id = account.copy_key.file_id(IDENTITY);
    let Some(file) = client.files()?.into_iter().find(|file| file.id == id) else { return Ok(None) };
    let lie = || Error::Account(ClientError::Lie { server: client.server(), what: "it changed the vault's identity" });
    let (_, sealed) = open_file(&account.copy_key, &file.bytes).filter(|(name, _)| name == IDENTITY).ok_or_else(lie)?;
    key.open_identity(&Bytes(sealed)).map(Some).map_err(|_| lie())
}
