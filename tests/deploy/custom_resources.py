"""The fields of operators' objects that deploy/kubernetes uses, as JSON Schemas: a field that is not here is an error.

Written from the definitions of Prometheus Operator 0.93, KEDA 2.20, Strimzi 1.2, CloudNativePG 1.30, its Barman Cloud
plugin 0.14 and External Secrets 2.9. A new field is added here after a look at the definition of its operator.
"""

from typing import Any

import jsonschema

Schema = dict[str, Any]
TEXT: Schema = {"type": "string", "minLength": 1}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
DURATION: Schema = {"type": "string", "pattern": r"^(\d+(ms|s|m|h|d|w))+$"}
SIZE: Schema = {"type": "string", "pattern": r"^\d+(Mi|Gi)$"}


def one_of(*values: str) -> Schema:
    return {"enum": list(values)}


def some(item: Schema) -> Schema:
    return {"type": "array", "items": item, "minItems": 1}


def fields(required: str = "", /, **properties: Schema) -> Schema:
    """Return an object with these fields and no others; a trailing underscore is for words of Python.

    Args:
        required: names, separated by spaces.
        properties: by name.
    """
    named = {name.rstrip("_"): schema for name, schema in properties.items()}
    return {"type": "object", "required": required.split(), "properties": named, "additionalProperties": False}


NAMED = fields("name", name=TEXT)
RESOURCES = fields(
    "requests limits", requests=fields("cpu memory", cpu=TEXT, memory=SIZE), limits=fields("memory", memory=SIZE)
)
PLUGIN = fields("name", name=TEXT)
RULE: Schema = {
    **fields(
        "expr",
        alert=TEXT,
        record=TEXT,
        expr=TEXT,
        for_=DURATION,
        keep_firing_for=DURATION,
        labels=TEXTS,
        annotations=TEXTS,
    ),
    "oneOf": [{"required": ["alert"]}, {"required": ["record"]}],
}
REMOTE = fields("key", key=TEXT, property=TEXT)
SPREAD = fields(
    "maxSkew topologyKey whenUnsatisfiable",
    maxSkew=COUNT,
    topologyKey=TEXT,
    whenUnsatisfiable=one_of("DoNotSchedule", "ScheduleAnyway"),
    labelSelector=fields("matchLabels", matchLabels=TEXTS),
)
SCALING = fields(
    "policies",
    stabilizationWindowSeconds=COUNT,
    policies=some(fields("type value periodSeconds", type=one_of("Pods", "Percent"), value=COUNT, periodSeconds=COUNT)),
)

SPECS: dict[tuple[str, str], Schema] = {
    ("monitoring.coreos.com/v1", "ServiceMonitor"): fields(
        "selector endpoints",
        jobLabel=TEXT,
        selector=fields("matchLabels", matchLabels=TEXTS),
        endpoints=some(fields("port", port=TEXT, path=TEXT, interval=DURATION)),
    ),
    ("monitoring.coreos.com/v1", "PrometheusRule"): fields(
        "groups", groups=some(fields("name rules", name=TEXT, interval=DURATION, rules=some(RULE)))
    ),
    ("keda.sh/v1alpha1", "ScaledObject"): fields(
        "scaleTargetRef triggers minReplicaCount maxReplicaCount",
        scaleTargetRef=NAMED,
        minReplicaCount=COUNT,
        maxReplicaCount=COUNT,
        pollingInterval=COUNT,
        triggers=some(
            fields(
                "type metadata",
                type=one_of("prometheus"),
                metricType=one_of("AverageValue", "Value"),
                metadata=fields("serverAddress query threshold", serverAddress=TEXT, query=TEXT, threshold=TEXT),
            )
        ),
        fallback=fields(
            "failureThreshold replicas",
            failureThreshold=COUNT,
            replicas=COUNT,
            behavior=one_of("static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"),
        ),
        advanced=fields(
            horizontalPodAutoscalerConfig=fields(behavior=fields(scaleUp=SCALING, scaleDown=SCALING)),
        ),
    ),
    ("kafka.strimzi.io/v1", "KafkaNodePool"): fields(
        "replicas roles storage",
        replicas=COUNT,
        roles=some(one_of("controller", "broker")),
        storage=fields(
            "type volumes",
            type=one_of("jbod"),
            volumes=some(
                fields(
                    "id type size",
                    id=COUNT,
                    type=one_of("persistent-claim"),
                    size=SIZE,
                    kraftMetadata=one_of("shared"),
                    deleteClaim=FLAG,
                )
            ),
        ),
        resources=RESOURCES,
    ),
    ("kafka.strimzi.io/v1", "Kafka"): fields(
        "kafka",
        kafka=fields(
            "listeners",
            version=TEXT,
            listeners=some(
                fields(
                    "name port type tls",
                    name={"type": "string", "pattern": "^[a-z0-9]{1,11}$"},
                    port={"type": "integer", "minimum": 9092},
                    type=one_of("internal"),
                    tls=FLAG,
                    authentication=fields("type", type=one_of("scram-sha-512", "tls")),
                )
            ),
            authorization=fields("type", type=one_of("simple")),
            rack=fields("topologyKey", topologyKey=TEXT),
            config={"type": "object"},
        ),
        entityOperator=fields(topicOperator=fields(), userOperator=fields()),
    ),
    ("kafka.strimzi.io/v1", "KafkaTopic"): fields(
        "partitions replicas",
        partitions={"type": "integer", "minimum": 1},
        replicas={"type": "integer", "minimum": 1},
        config=TEXTS,
    ),
    ("kafka.strimzi.io/v1", "KafkaUser"): fields(
        "authentication authorization",
        authentication=fields(
            "type",
            type=one_of("scram-sha-512"),
            password=fields(
                "valueFrom",
                valueFrom=fields("secretKeyRef", secretKeyRef=fields("name key", name=TEXT, key=TEXT)),
            ),
        ),
        authorization=fields(
            "type acls",
            type=one_of("simple"),
            acls=some(
                fields(
                    "resource operations",
                    resource=fields(
                        "type name",
                        type=one_of("topic", "group"),
                        name=TEXT,
                        patternType=one_of("literal", "prefix"),
                    ),
                    operations=some(one_of("Read", "Write", "Create", "Describe", "DescribeConfigs", "AlterConfigs")),
                )
            ),
        ),
    ),
    ("postgresql.cnpg.io/v1", "Cluster"): fields(
        "instances imageName storage",
        instances={"type": "integer", "minimum": 1},
        imageName={"type": "string", "pattern": r"^[^:]+(:\d+)?/?.*:\d+.*$"},
        enableSuperuserAccess=FLAG,
        enablePDB=FLAG,
        bootstrap=fields(
            initdb=fields("database owner", database=TEXT, owner=TEXT, secret=NAMED, encoding=TEXT, locale=TEXT)
        ),
        managed=fields(
            roles=some(
                fields(
                    "name",
                    name=TEXT,
                    ensure=one_of("present", "absent"),
                    login=FLAG,
                    inherit=FLAG,
                    createrole=FLAG,
                    passwordSecret=NAMED,
                )
            )
        ),
        postgresql=fields(shared_preload_libraries=some(TEXT), parameters=TEXTS),
        affinity=fields(
            enablePodAntiAffinity=FLAG, podAntiAffinityType=one_of("required", "preferred"), topologyKey=TEXT
        ),
        topologySpreadConstraints=some(SPREAD),
        storage=fields("size", size=SIZE),
        walStorage=fields("size", size=SIZE),
        resources=RESOURCES,
        plugins=some(fields("name", name=TEXT, isWALArchiver=FLAG, parameters=TEXTS)),
    ),
    ("postgresql.cnpg.io/v1", "ScheduledBackup"): fields(
        "cluster schedule",
        schedule={"type": "string", "pattern": r"^\S+( \S+){5}$"},
        immediate=FLAG,
        backupOwnerReference=one_of("none", "self", "cluster"),
        cluster=NAMED,
        method=one_of("plugin"),
        target=one_of("primary", "prefer-standby"),
        pluginConfiguration=PLUGIN,
    ),
    ("postgresql.cnpg.io/v1", "Backup"): fields(
        "cluster",
        cluster=NAMED,
        method=one_of("plugin"),
        target=one_of("primary", "prefer-standby"),
        pluginConfiguration=PLUGIN,
    ),
    ("barmancloud.cnpg.io/v1", "ObjectStore"): fields(
        "configuration",
        retentionPolicy={"type": "string", "pattern": "^[1-9][0-9]*[dwm]$"},
        configuration=fields(
            "destinationPath",
            destinationPath={"type": "string", "pattern": "^s3://"},
            s3Credentials=fields(inheritFromIAMRole=FLAG),
            wal=fields(compression=one_of("gzip"), maxParallel=COUNT),
            data=fields(compression=one_of("gzip"), jobs=COUNT),
        ),
    ),
    ("external-secrets.io/v1", "SecretStore"): fields(
        "provider",
        provider=fields(
            "aws", aws=fields("service region", service=one_of("SecretsManager", "ParameterStore"), region=TEXT)
        ),
    ),
    ("external-secrets.io/v1", "ExternalSecret"): fields(
        "secretStoreRef target",
        refreshInterval=DURATION,
        secretStoreRef=fields("kind name", kind=one_of("SecretStore", "ClusterSecretStore"), name=TEXT),
        target=fields(
            "name",
            name=TEXT,
            template=fields("data", type=TEXT, metadata=fields("labels", labels=TEXTS), data=TEXTS),
        ),
        dataFrom=some(fields("extract", extract=REMOTE)),
        data=some(fields("secretKey remoteRef", secretKey=TEXT, remoteRef=REMOTE)),
    ),
}


def is_custom(item: dict[str, Any]) -> bool:
    """Whether an object belongs to an operator."""
    return (item["apiVersion"], item["kind"]) in SPECS


def validate_custom(item: dict[str, Any]) -> None:
    """Compare an object with the fields of its operator.

    Raises:
        jsonschema.ValidationError: a field is missing, unknown or has another type.
    """
    metadata = {"type": "object", "anyOf": [{"required": ["name"]}, {"required": ["generateName"]}]}
    spec = SPECS[item["apiVersion"], item["kind"]]
    jsonschema.validate(
        item, fields("apiVersion kind metadata spec", apiVersion={}, kind={}, metadata=metadata, spec=spec)
    )
