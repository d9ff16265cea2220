"""The verbs of both programs: where each is, its options, a sentence for the help."""

from dataclasses import dataclass


SKIP = " skipDatabaseCompatibilityCheck skipDatabaseSchemaUpgradeCheck"
COMMON = " instance= config= console noninteractive nologo help"
_CONFIGURE = (
    "home= serverNodeName= cachePackages= cacheLowDiskSpaceThreshold= cacheDirectoryFullThreshold= "
    "maxConcurrentTasks= upgradeCheck= sendTelemetry= commsListenPort= grpcListenPort= commsListenWebSocket= "
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
MIGRATOR = {
    "import": Verb(
        "migrator:import_",
        "directory= password= dry-run overwrite force include-tasklogs ignore-version-check" + SKIP,
        "Imports data from a directory",
    ),
}
