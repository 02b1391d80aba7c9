"""The resource types that are known to be stateless: only these may be replaced or removed unasked.

A type is listed if the template defines all of it: a new resource from the same template does what the old
one did. These disqualify a type:

- It stores data, or a key or secret that other data cannot be read without.
- AWS generates an address or an identity for it that others know: an Elastic IP address, the domain
  of a load balancer or a distribution, the id of an API, a function URL, a user pool, an access key.
- Others add to it: members of a group, rules of an event bus, services of a cluster, subscribers of a topic.
- It has a position or work in progress: an event source mapping, a subscription filter, a state machine.
- It is a container whose deletion deletes what it contains: a schedule group, an instance, a namespace.

What is not listed needs approval, new types and those of third parties included.
"""

STATELESS = frozenset(
    (
        # Permissions, and policies that are attached to something else
        "AWS::IAM::GroupPolicy",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::IAM::RolePolicy",
        "AWS::IAM::UserPolicy",
        "AWS::Events::EventBusPolicy",
        "AWS::Lambda::LayerVersionPermission",
        "AWS::Lambda::Permission",
        "AWS::Logs::ResourcePolicy",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueueInlinePolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::SecretsManager::ResourcePolicy",
        # Code that comes from the template or from an artifact, and names that point to it
        "AWS::Lambda::Alias",
        "AWS::Lambda::CodeSigningConfig",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Version",
        "AWS::CloudFront::Function",
        "AWS::ECS::Service",
        "AWS::ECS::TaskDefinition",
        "AWS::KMS::Alias",
        # Monitoring
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::Logs::MetricFilter",
        "AWS::Logs::QueryDefinition",
        # Triggers and scaling
        "AWS::Events::Rule",
        "AWS::Scheduler::Schedule",
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::AutoScaling::LaunchConfiguration",
        "AWS::AutoScaling::LifecycleHook",
        "AWS::AutoScaling::ScalingPolicy",
        "AWS::AutoScaling::ScheduledAction",
        # Parts of an API, without the API itself
        "AWS::ApiGateway::Deployment",
        "AWS::ApiGateway::GatewayResponse",
        "AWS::ApiGateway::Method",
        "AWS::ApiGateway::Model",
        "AWS::ApiGateway::RequestValidator",
        "AWS::ApiGateway::Resource",
        "AWS::ApiGatewayV2::Deployment",
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::IntegrationResponse",
        "AWS::ApiGatewayV2::Model",
        "AWS::ApiGatewayV2::Route",
        "AWS::ApiGatewayV2::RouteResponse",
        # Rules and associations of a network, without addresses
        "AWS::CloudFront::CachePolicy",
        "AWS::CloudFront::OriginAccessControl",
        "AWS::CloudFront::OriginRequestPolicy",
        "AWS::CloudFront::ResponseHeadersPolicy",
        "AWS::EC2::FlowLog",
        "AWS::EC2::LaunchTemplate",
        "AWS::EC2::NetworkAclEntry",
        "AWS::EC2::Route",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::SubnetNetworkAclAssociation",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::ElasticLoadBalancingV2::ListenerCertificate",
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        "AWS::Route53::RecordSet",
        "AWS::WAFv2::WebACLAssociation",
        # Settings of databases, which are resources of their own
        "AWS::DocDB::DBClusterParameterGroup",
        "AWS::DocDB::DBSubnetGroup",
        "AWS::ElastiCache::ParameterGroup",
        "AWS::ElastiCache::SubnetGroup",
        "AWS::Neptune::DBClusterParameterGroup",
        "AWS::Neptune::DBParameterGroup",
        "AWS::Neptune::DBSubnetGroup",
        "AWS::RDS::DBClusterParameterGroup",
        "AWS::RDS::DBParameterGroup",
        "AWS::RDS::DBSubnetGroup",
        "AWS::Redshift::ClusterParameterGroup",
        "AWS::Redshift::ClusterSubnetGroup",
        # What only CloudFormation and the CDK know
        "AWS::CDK::Metadata",
        "AWS::CloudFormation::WaitCondition",
        "AWS::CloudFormation::WaitConditionHandle",
    )
)

# The types that a new stack may have and still be deleted when its rollout is rolled back. A parameter that
# the rollout created holds what the template says; one that existed before may have had values of its own.
REPRODUCIBLE = STATELESS | {"AWS::SSM::Parameter"}
