//! The plain words for editions, and what the sheets of examples mean by their product names.

/// EditionIDs that stand in no sheet of editions but are named by examples.
pub(super) const MORE_EDITIONS: [&str; 5] =
    ["CoreARM", "EmbeddedIndustry", "EmbeddedIndustryA", "EmbeddedIndustryE", "HomeBusinessR"];

/// The kinds of shared product keys, with their place in `keystow_core::identify::GenericKind::ALL`.
pub(super) const KINDS: [(&str, u8); 9] = [
    ("AVMA", 0),
    ("EVAL-DEFAULT", 2),
    ("GENERIC-RTM", 5),
    ("GENERIC-SETUP", 5),
    ("GVLK", 3),
    ("GVLK-OFFICE", 3),
    ("KMS-CLIENT-OTHER", 3),
    ("OEM-DEFAULT", 4),
    ("PKEYCONFIG-EMBEDDED", 1),
];

/// Plain words; `Windows ` and `Windows Server ` in front give way to the release where it is known.
const EDITIONS: &[(&str, &str)] = &[
    ("AzureStackHCIAddOn", "Azure Stack HCI add-on"),
    ("AzureStackHCIAddOn2021", "Azure Stack HCI add-on"),
    ("AzureStackHCIAddOn2025", "Azure Stack HCI add-on"),
    ("Business", "Windows Business"),
    ("BusinessN", "Windows Business N"),
    ("Cloud", "Windows S"),
    ("CloudEdition", "Windows SE"),
    ("CloudEditionL", "Windows SE L"),
    ("CloudEditionLN", "Windows SE L N"),
    ("CloudEditionN", "Windows SE N"),
    ("CloudN", "Windows S N"),
    ("Core", "Windows Home"),
    ("CoreARM", "Windows RT"),
    ("CoreConnected", "Windows with Bing"),
    ("CoreConnectedCountrySpecific", "Windows China with Bing"),
    ("CoreConnectedN", "Windows with Bing N"),
    ("CoreConnectedSingleLanguage", "Windows Single Language with Bing"),
    ("CoreCountrySpecific", "Windows Home China"),
    ("CoreN", "Windows Home N"),
    ("CoreSingleLanguage", "Windows Home Single Language"),
    ("CoreSystemServer", "Windows Server Core System"),
    ("Education", "Windows Education"),
    ("EducationN", "Windows Education N"),
    ("EmbeddedIndustry", "Windows Embedded Industry Pro"),
    ("EmbeddedIndustryA", "Windows Embedded Industry Automotive"),
    ("EmbeddedIndustryE", "Windows Embedded Industry Enterprise"),
    ("Enterprise", "Windows Enterprise"),
    ("EnterpriseE", "Windows Enterprise E"),
    ("EnterpriseEval", "Windows Enterprise Evaluation"),
    ("EnterpriseG", "Windows Enterprise G"),
    ("EnterpriseGN", "Windows Enterprise G N"),
    ("EnterpriseN", "Windows Enterprise N"),
    ("EnterpriseNEval", "Windows Enterprise N Evaluation"),
    ("EnterpriseS", "Windows Enterprise LTSC"),
    ("EnterpriseSEval", "Windows Enterprise LTSC Evaluation"),
    ("EnterpriseSN", "Windows Enterprise N LTSC"),
    ("EnterpriseSNEval", "Windows Enterprise N LTSC Evaluation"),
    ("Holographic", "Windows Holographic"),
    ("HomeBasic", "Windows Home Basic"),
    ("HomeBasicN", "Windows Home Basic N"),
    ("HomeBusinessR", "Office Home and Business"),
    ("HomePremium", "Windows Home Premium"),
    ("HomePremiumN", "Windows Home Premium N"),
    ("IoTEnterprise", "Windows IoT Enterprise"),
    ("IoTEnterpriseK", "Windows IoT Enterprise Subscription"),
    ("IoTEnterpriseS", "Windows IoT Enterprise LTSC"),
    ("IoTEnterpriseSEval", "Windows IoT Enterprise LTSC Evaluation"),
    ("IoTEnterpriseSK", "Windows IoT Enterprise LTSC Subscription"),
    ("OneCoreUpdateOS", "Windows OneCore Update OS"),
    ("PPIPro", "Windows Team"),
    ("Professional", "Windows Pro"),
    ("ProfessionalCountrySpecific", "Windows Pro China"),
    ("ProfessionalE", "Windows Pro E"),
    ("ProfessionalEducation", "Windows Pro Education"),
    ("ProfessionalEducationN", "Windows Pro Education N"),
    ("ProfessionalN", "Windows Pro N"),
    ("ProfessionalSingleLanguage", "Windows Pro Single Language"),
    ("ProfessionalStudent", "Windows Pro for Students"),
    ("ProfessionalWMC", "Windows Pro with Media Center"),
    ("ProfessionalWorkstation", "Windows Pro for Workstations"),
    ("ProfessionalWorkstationN", "Windows Pro N for Workstations"),
    ("ServerAzureCor", "Windows Server Azure Core"),
    ("ServerAzureStackHCICor", "Azure Stack HCI"),
    ("ServerDatacenter", "Windows Server Datacenter"),
    ("ServerDatacenterACor", "Windows Server Datacenter, core installation, semi-annual channel"),
    ("ServerDatacenterCor", "Windows Server Datacenter, core installation"),
    ("ServerDatacenterCore", "Windows Server Datacenter, core installation"),
    ("ServerDatacenterEval", "Windows Server Datacenter Evaluation"),
    ("ServerDatacenterEvalCor", "Windows Server Datacenter Evaluation, core installation"),
    ("ServerDatacenterNano", "Windows Server Datacenter, Nano Server"),
    ("ServerEnterprise", "Windows Server Enterprise"),
    ("ServerRdsh", "Windows Enterprise multi-session"),
    ("ServerSolution", "Windows Server Essentials"),
    ("ServerStandard", "Windows Server Standard"),
    ("ServerStandardACor", "Windows Server Standard, core installation, semi-annual channel"),
    ("ServerStandardCor", "Windows Server Standard, core installation"),
    ("ServerStandardCore", "Windows Server Standard, core installation"),
    ("ServerStandardEval", "Windows Server Standard Evaluation"),
    ("ServerStandardEvalCor", "Windows Server Standard Evaluation, core installation"),
    ("ServerTurbine", "Windows Server Datacenter: Azure Edition"),
    ("ServerTurbineCor", "Windows Server Datacenter: Azure Edition, core installation"),
    ("ServerWeb", "Windows Server Web"),
    ("Starter", "Windows Starter"),
    ("StarterN", "Windows Starter N"),
    ("Ultimate", "Windows Ultimate"),
    ("UltimateN", "Windows Ultimate N"),
    ("WNC", "Windows CPC"),
];

/// What the rest of a product name means, after the release in front of it.
const CLIENTS: &[(&str, &str)] = &[
    ("", "Core"),
    ("China Single Language", "CoreCountrySpecific"),
    ("Enterprise", "Enterprise"),
    ("Enterprise Evaluation", "EnterpriseEval"),
    ("Enterprise LTSB 2015", "EnterpriseS"),
    ("Enterprise LTSB 2016", "EnterpriseS"),
    ("Enterprise N", "EnterpriseN"),
    ("Enterprise N LTSB 2015", "EnterpriseSN"),
    ("Enterprise N LTSB 2016", "EnterpriseSN"),
    ("Enterprise S (LTSB)", "EnterpriseS"),
    ("Home", "Core"),
    ("Home N", "CoreN"),
    ("N", "CoreN"),
    ("Pro", "Professional"),
    ("Pro N", "ProfessionalN"),
    ("Pro with Media Center", "ProfessionalWMC"),
    ("S", "Cloud"),
    ("Single Language", "CoreSingleLanguage"),
    ("with Bing", "CoreConnected"),
    ("with Bing China Single Language", "CoreConnectedCountrySpecific"),
    ("with Bing N", "CoreConnectedN"),
    ("with Bing Single Language", "CoreConnectedSingleLanguage"),
];
const SERVERS: &[(&str, &str)] = &[
    (" Azure Core", "ServerAzureCor"),
    (" Datacenter", "ServerDatacenter"),
    (" Datacenter Azure Edition", "ServerTurbine"),
    (" Datacenter: Azure Edition", "ServerTurbine"),
    (" Essentials", "ServerSolution"),
    (" Standard", "ServerStandard"),
];
/// Remarks in product names that say where the example comes from, not what it is.
const REMARKS: [&str; 7] = [
    " (AVMA)",
    " (DefaultProductKey)",
    " (KMS client)",
    " (OA3 default)",
    " (default)",
    " (default, not OA3)",
    " (preinstall)",
];

/// Plain words for an EditionID.
pub(super) fn edition_name(id: &str) -> Option<&'static str> {
    EDITIONS.iter().find(|(known, _)| *known == id).map(|(_, name)| *name)
}

/// The product name of a shared product key, without remarks.
pub(super) fn generic_name(product: &str) -> String {
    let Some((id, year)) =
        product.strip_prefix("Windows default ").map(|rest| rest.split_once(' ').unwrap_or((rest, "")))
    else {
        return named_by_edition(without_remark(product));
    };
    format!("{} {year}", edition_name(id).unwrap_or(id)).trim_end().to_owned()
}

/// The name of a group known by example; empty when the example has none.
pub(super) fn observed_name(group: u32, product: &str) -> String {
    let name = match (group, product) {
        (22, _) => "Office 2010 Home and Business",
        (170, "Ultimate") => "Windows 7 Ultimate",
        (172, _) => "Windows 7",
        (1801, "Professional") => "Windows 8 Pro",
        (2606, "EnterpriseEval") => "Windows 8.1 Enterprise Evaluation",
        (3955, _) => "Windows Server, version 1709 or 1803, Standard",
        (3956, _) => "Windows Server, version 1709 or 1803, Datacenter",
        (_, unknown) if unknown.starts_with('(') => "",
        (_, product) => without_remark(product),
    };
    named_by_edition(name)
}

/// The EditionID of a group known by example, where its name says it.
pub(super) fn observed_edition(product: &str) -> Option<String> {
    let name = without_remark(product);
    let id = match name.split(' ').next().filter(|first| edition_name(first).is_some()) {
        Some(id) => Some(id),
        None => match name.strip_prefix("Windows Server") {
            Some(rest) => SERVERS.iter().rev().find(|(end, _)| rest.ends_with(end)).map(|(_, id)| *id),
            None => ["Windows 10", "Windows 8.1", "Windows 8"].iter().find_map(|release| {
                let rest = name.strip_prefix(release)?.trim_start();
                let plain = CLIENTS.iter().find(|(known, _)| *known == rest).map(|(_, id)| *id);
                plain.or_else(|| EDITIONS.iter().find(|(id, _)| *id == rest).map(|(id, _)| *id))
            }),
        },
    };
    id.map(str::to_owned)
}

fn without_remark(product: &str) -> &str {
    REMARKS.iter().find_map(|remark| product.strip_suffix(remark)).unwrap_or(product)
}

/// `Windows 8.1 CoreARM` becomes `Windows 8.1 RT`; names without an EditionID at the end stay. Windows 8 had no
/// `Home` in its names.
fn named_by_edition(name: &str) -> String {
    let words = name.rsplit_once(' ').and_then(|(release, id)| {
        let front = if release.contains("Server") { "Windows Server " } else { "Windows " };
        let words = edition_name(id)?.strip_prefix(front)?;
        let words = if release.starts_with("Windows 8") { words.trim_start_matches("Home") } else { words };
        Some(format!("{release} {}", words.trim_start()).trim_end().to_owned())
    });
    words.unwrap_or_else(|| name.to_owned())
}
