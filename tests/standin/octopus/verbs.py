"""The verbs of both programs: where each is, its options, a sentence for the help."""

from collections.abc import Mapping
from dataclasses import dataclass

from . import about, control, switches


SKIP = " skipDatabaseCompatibilityCheck skipDatabaseSchemaUpgradeCheck"
COMMON = " instance= config= console noninteractive nologo help"
_CONFIGURE = (
    "home= serverNodeName= cachePackages= cacheLowDiskSpaceThreshold= cacheDirectoryFullThreshold= "
    "maxConcurrentTasks= upgradeCheck= upgradeCheckWithStatistics= sendTelemetry= "
    "commsListenPort= grpcListenPort= commsListenWebSocket= "
    "webListenPrefixes= webForceSSL= webServer= requestLoggingEnabled= upgradeNotification= "
    "webCorsWhitelist= "
    "trustedProxies= webTrustedRedirectUrls= hstsEnabled= hstsMaxAge= autoLoginEnabled= cookieDomain= "
    "dynamicExtensionsEnabled= experiencesEnabled= customBundledPackageDirectory= guestloginenabled= "
    "usernamePasswordIsEnabled= customextension= activeDirectoryIsEnabled= azureADIsEnabled= azureADIssuer= "
    "azureADClientId= googleAppsIsEnabled= googleAppsClientId= googleAppsHostedDomain= "
    "oktaIsEnabled= oktaIssuer= "
    "oktaClientId= ldapIsEnabled= ldapServer= ldapPort="
)
_PATH = "clusterShared= nugetRepository= artifacts= taskLogs= eventExports= imports= telemetry= cacheDirectory="
_ADMIN = "username|user= email= password= apiKey= externalGroup= externalGroupId|externalRoleId= "


@dataclass(frozen=True)
class Verb:
    """A verb: the function that does it, its own options, a sentence."""

    function: str
    options: str
    summary: str


SERVER = {
    "create-instance": Verb("instance:create_instance", "home= serverNodeName=", "Registers an instance"),
    "configure": Verb("settings:configure", _CONFIGURE + SKIP, "Configures this Octopus instance"),
    "database": Verb(
        "database:database",
        "create connectionString= masterKey= upgrade skipLicenseCheck delete grant=" + SKIP,
        "Create, upgrade or drop the Octopus database",
    ),
    "database-upgrade-status": Verb(
        "database:database_upgrade_status", "connectionString=" + SKIP, "Tells whether an upgrade is due"
    ),
    "path": Verb("settings:path", _PATH + SKIP, "Set the file paths that Octopus uses"),
    "admin": Verb(
        "settings:admin",
        _ADMIN + "externalGroupDescription= wait=" + SKIP,
        "Create or reset an administrator",
    ),
    "license": Verb(
        "settings:license_", "licenseBase64= licenseFile= skipLicenseCheck free" + SKIP, "Set the license key"
    ),
    "node": Verb("node:node", "taskCap= drain= wait= cancel-tasks cancel-wait=" + SKIP, "Configure this node"),
    "run": Verb("server.run:run", "customextension= service-mode=" + SKIP, "Starts the Octopus Server"),
    "show-master-key": Verb("instance:show_master_key", "format=", "Displays the master key"),
    "set-master-key": Verb("instance:set_master_key", "masterKey=", "Sets the master key"),
    "show-configuration": Verb("instance:show_configuration", "file= format=", "Outputs the configuration"),
    "version": Verb("instance:show_version", "format=", "Shows the version"),
    "list-instances": Verb("instance:list_instances", "format=", "Lists all installed instances"),
    "container-healthcheck": Verb("healthcheck:container_healthcheck", "", "Checks a running container"),
}
# the versions that know an option, from one to another, with the source; the others are taken to be known to all
KNOWN = {
    ("create-instance", "serverNodeName"): ("2019.9", ""),  # docs: the history of the page create-instance
    ("configure", "sendTelemetry"): ("2022.1", ""),  # Issues 7167
    ("configure", "upgradeCheckWithStatistics"): ("", "2022.1"),  # Issues 7167
    ("configure", "grpcListenPort"): ("2025.3", ""),  # Issues 9669 names 2025.3; from which on isn't published
    ("path", "telemetry"): ("2021.1", ""),  # Issues 6448
    ("path", "imports"): ("2021.1", ""),  # with the export of projects; not published
    ("path", "eventExports"): ("2023.3", ""),  # docs: the history of the page path; 2023.1.9672's help lacks it
    ("node", "cancel-wait"): ("2024.2", ""),  # Issues 8785
}
VERBS_KNOWN = {"database-upgrade-status": "2023.4.1149"}  # Issues 8307
MIGRATOR = {
    "import": Verb(
        "migrator:import_",
        "directory= password= dry-run overwrite force include-tasklogs ignore-version-check" + SKIP,
        "Imports data from a directory",
    ),
}


def known(programs: Mapping[str, Verb]) -> dict[str, Verb]:
    """The verbs that this version has."""
    return {name: verb for name, verb in programs.items() if not about.older_than(VERBS_KNOWN.get(name, "0"))}


def specification(name: str, verb: Verb) -> str:
    """The options that this version knows of a verb, without those a test takes away (`unknown_options`)."""
    taken = {option.lower() for option in control.listed("unknown_options")}
    given = {option.lower() for option in control.listed("known_options")}
    words = (verb.options + COMMON).split()
    return " ".join(word for word in words if _is_known(name, word.rstrip("="), taken, given))


def _is_known(verb: str, option: str, taken: set[str], given: set[str]) -> bool:
    if option.lower() in taken | given:
        return option.lower() in given
    if (verb, option) == ("license", "free"):
        return switches.value("license_free") != "unknown"
    since, until = KNOWN.get((verb, option), ("", ""))
    return not about.older_than(since or "0") and (not until or about.older_than(until))
