//! Through which channel a product key was sold, in Windows' own spelling and in plain words.
//!
//! Sources: `ProductKeyType` in pkeyconfig files; the channel in the `Description` of `SoftwareLicensingProduct`.

use std::fmt;

/// The channel of a product key (`ProductKeyType`, `ProductKeyChannel`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the table says it")]
pub enum Channel {
    OemCoa,
    OemDm,
    OemNonslp,
    OemSlp,
    PayAsYouGo,
    Retail,
    RetailEval,
    VirtualMachine,
    VolumeCsvlk,
    VolumeGvlk,
    VolumeMak,
}

/// Windows' spelling, the channel, plain words.
const CHANNELS: [(&str, Channel, &str); 11] = [
    ("OEM:COA", Channel::OemCoa, "PC maker, on the sticker"),
    ("OEM:DM", Channel::OemDm, "PC maker, in the firmware"),
    ("OEM:NONSLP", Channel::OemNonslp, "PC maker or system builder, activates online"),
    ("OEM:SLP", Channel::OemSlp, "PC maker's factory product key, the same on many PCs"),
    ("PGS:TB", Channel::PayAsYouGo, "pay as you go, through Azure"),
    ("Retail", Channel::Retail, "bought separately, may be moved"),
    ("Retail:TB:Eval", Channel::RetailEval, "evaluation, runs out"),
    ("VT:IA", Channel::VirtualMachine, "virtual machine on a licensed Hyper-V host"),
    ("Volume:CSVLK", Channel::VolumeCsvlk, "an organization's activation server (KMS host)"),
    ("Volume:GVLK", Channel::VolumeGvlk, "client of an organization's activation server (KMS), public"),
    ("Volume:MAK", Channel::VolumeMak, "an organization's product key with a counter"),
];

/// How the license service ends its descriptions: `…, RETAIL channel`. A KMS host adds its generation.
const DESCRIPTIONS: [(&str, Channel); 10] = [
    ("OEM_COA_NSLP", Channel::OemNonslp),
    ("OEM_COA_SLP", Channel::OemCoa),
    ("OEM_DM", Channel::OemDm),
    ("OEM_SLP", Channel::OemSlp),
    ("RETAIL", Channel::Retail),
    ("TIMEBASED_EVAL", Channel::RetailEval),
    ("VIRTUAL_MACHINE_ACTIVATION", Channel::VirtualMachine),
    ("VOLUME_KMS", Channel::VolumeCsvlk),
    ("VOLUME_KMSCLIENT", Channel::VolumeGvlk),
    ("VOLUME_MAK", Channel::VolumeMak),
];

impl Channel {
    /// Every channel, in the order that the generated tables count.
    pub const ALL: [Self; 11] = [
        Self::OemCoa,
        Self::OemDm,
        Self::OemNonslp,
        Self::OemSlp,
        Self::PayAsYouGo,
        Self::Retail,
        Self::RetailEval,
        Self::VirtualMachine,
        Self::VolumeCsvlk,
        Self::VolumeGvlk,
        Self::VolumeMak,
    ];

    /// Reads Windows' own spelling, such as `OEM:DM`; `None` for a channel that is not known.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        CHANNELS.iter().find(|(known, _, _)| known.eq_ignore_ascii_case(text)).map(|(_, channel, _)| *channel)
    }

    /// Reads a description of the license service, such as
    /// `Windows(R) Operating System, VOLUME_KMSCLIENT channel`.
    #[must_use]
    pub fn from_description(text: &str) -> Option<Self> {
        let word = text.trim().strip_suffix("channel")?.split_whitespace().next_back()?;
        let known = DESCRIPTIONS.iter().find(|(known, _)| *known == word).map(|(_, channel)| *channel);
        known.or_else(|| word.starts_with("VOLUME_KMS_").then_some(Self::VolumeCsvlk))
    }

    /// Windows' own spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// What the channel means, in plain words without a full stop.
    #[must_use]
    pub fn plain(self) -> &'static str {
        self.row().2
    }

    /// Whether a license of this channel may move to another PC, one at a time. Guidance only: the terms of the
    /// person's own license decide.
    #[must_use]
    pub fn may_move(self) -> bool {
        self == Self::Retail
    }

    /// Whether a PC maker or system builder sold it with a PC, to which it stays bound.
    #[must_use]
    pub fn is_oem(self) -> bool {
        matches!(self, Self::OemCoa | Self::OemDm | Self::OemNonslp | Self::OemSlp)
    }

    /// Whether it belongs to an organization's agreement.
    #[must_use]
    pub fn is_volume(self) -> bool {
        matches!(self, Self::VolumeCsvlk | Self::VolumeGvlk | Self::VolumeMak)
    }

    /// Whether Windows clears the stored product key by default once it is activated.
    ///
    /// Source: Microsoft, "Slmgr.vbs options": MAK and KMS host product keys.
    #[must_use]
    pub fn is_cleared(self) -> bool {
        matches!(self, Self::VolumeCsvlk | Self::VolumeMak)
    }

    fn row(self) -> &'static (&'static str, Self, &'static str) {
        CHANNELS.iter().find(|(_, channel, _)| *channel == self).unwrap_or(&CHANNELS[5])
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_survives_its_own_spelling() {
        for (channel, (text, row, plain)) in Channel::ALL.into_iter().zip(CHANNELS) {
            assert_eq!(channel, row);
            assert_eq!((channel.as_str(), channel.plain()), (text, plain));
            assert_eq!(Channel::parse(text), Some(channel));
        }
        assert_eq!(Channel::parse("Retail:TB:Sub"), None);
    }

    #[test]
    fn only_retail_moves_and_no_channel_is_both_oem_and_volume() {
        for channel in Channel::ALL {
            assert_eq!(channel.may_move(), channel == Channel::Retail, "{channel}");
            assert!(!(channel.is_oem() && channel.is_volume()), "{channel}");
        }
        assert_eq!(Channel::ALL.into_iter().filter(|channel| channel.is_oem()).count(), 4);
        assert_eq!(Channel::ALL.into_iter().filter(|channel| channel.is_volume()).count(), 3);
    }

    #[test]
    fn every_description_of_the_license_service_is_understood() {
        for (word, channel) in DESCRIPTIONS {
            let text = format!("Windows(R) Operating System, {word} channel");
            assert_eq!(Channel::from_description(&text), Some(channel), "{text}");
        }
        let host = "Windows Operating System - Windows Server(R) 2012 R2, VOLUME_KMS_WS12_R2 channel";
        assert_eq!(Channel::from_description(host), Some(Channel::VolumeCsvlk));
        assert_eq!(Channel::from_description("Windows(R) Operating System"), None);
    }
}
