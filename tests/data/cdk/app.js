// Real CDK pipeline apps, one folder a case: node app.js <aws-cdk-lib's parent> <out> [<mapping.ts>]
const path = require('path');
const [, , modules, out, mapping] = process.argv;
const cdk = require(path.join(modules, 'node_modules', 'aws-cdk-lib'));
const { aws_codepipeline: codepipeline, aws_codepipeline_actions: actions, aws_iam: iam } = cdk;
const { aws_kms: kms, aws_s3: s3, aws_sns: sns, pipelines } = cdk;

const TOOLS = '111111111111';
const TARGET = '222222222222';
const SECOND = '333333333333';
const HOME = 'us-east-1';

class Target extends cdk.Stage {
  constructor(scope, id, env) {
    super(scope, id, { env });
    new sns.Topic(new cdk.Stack(this, 'App'), 'Topic');
  }
}

function deploys(stack, id, regions, options = {}) {
  const source = s3.Bucket.fromBucketName(stack, `${id}Source`, 'sources');
  const pipeline = new pipelines.CodePipeline(stack, id, {
    crossAccountKeys: Boolean(options.keys),
    crossRegionReplicationBuckets: options.buckets && options.buckets(stack),
    reuseCrossRegionSupportStacks: true,
    synth: new pipelines.ShellStep('Synth', {
      input: pipelines.CodePipelineSource.s3(source, 'app.zip'),
      commands: ['true'],
    }),
  });
  for (const region of regions) {
    pipeline.addStage(new Target(stack, `To-${region}`, { account: options.account || TOOLS, region }));
  }
  pipeline.buildPipeline();
}

// A plain CodePipeline whose action acts on a stack of this app in another region: the bucket goes into that stack.
function inOrdinaryStack(app) {
  const ordinary = new cdk.Stack(app, 'Ordinary', { env: { account: TOOLS, region: 'eu-west-1' } });
  const project = new cdk.aws_codebuild.PipelineProject(ordinary, 'Build', { projectName: 'ordinary-build' });
  const stack = new cdk.Stack(app, 'PipeO', { env: { account: TOOLS, region: HOME } });
  const bundle = new codepipeline.Artifact();
  new codepipeline.Pipeline(stack, 'Pipeline', {
    crossAccountKeys: false,
    stages: [
      { stageName: 'Source', actions: [new actions.S3SourceAction({
        actionName: 'Get', bucket: s3.Bucket.fromBucketName(stack, 'Source', 'sources'), bucketKey: 'app.zip', output: bundle,
      })] },
      { stageName: 'Build', actions: [new actions.CodeBuildAction({ actionName: 'Build', project, input: bundle })] },
    ],
  });
}

// The printed piece of code, as it is pasted into a stack: its imports are this file's.
function mapped() {
  const code = require('fs').readFileSync(mapping, 'utf8').replace(/^import .*$/m, '').replace(/: string/g, '');
  const run = new Function('s3', 'kms', 'ssm', `${code}; return crossRegionReplicationBuckets;`);
  return (stack) => run.call(stack, s3, kms, cdk.aws_ssm);
}

const home = { account: TOOLS, region: HOME };
const cases = {
  plain: (app) => deploys(new cdk.Stack(app, 'PipeP', { env: home }), 'Pipe', ['us-west-2', 'eu-west-1']),
  keys: (app) => deploys(new cdk.Stack(app, 'PipeK', { env: home }), 'Pipe', ['us-west-2', 'eu-west-1'], { keys: true }),
  cross: (app) => deploys(new cdk.Stack(app, 'PipeX', { env: home }), 'Pipe', ['eu-west-1'], { keys: true, account: TARGET }),
  named: (app) => deploys(new cdk.Stack(app, 'Construct', { env: home, stackName: 'My-Very-Long-Custom-Pipeline-Name' }), 'Pipe', ['eu-west-1']),
  stage: (app) => deploys(new cdk.Stack(new cdk.Stage(app, 'Tools', { env: home }), 'PipeS'), 'Pipe', ['eu-west-1'], { keys: true }),
  reuse: (app) => {
    deploys(new cdk.Stack(app, 'PipeA', { env: home }), 'Pipe', ['us-west-2', 'eu-west-1'], { keys: true });
    deploys(new cdk.Stack(app, 'PipeB', { env: home }), 'Pipe', ['eu-west-1', 'ap-southeast-2'], { keys: true });
  },
  second: (app) => deploys(new cdk.Stack(app, 'PipeQ', { env: { account: SECOND, region: HOME } }), 'Pipe', ['eu-west-1'], { keys: true, account: SECOND }),
  ordinary: inOrdinaryStack,
  cured: (app) => deploys(new cdk.Stack(app, 'PipeC', { env: home }), 'Pipe', ['us-west-2', 'eu-west-1'], { keys: true, account: TARGET, buckets: mapped() }),
};

for (const [name, build] of Object.entries(cases)) {
  if ((name === 'cured') !== Boolean(mapping)) continue;
  const app = new cdk.App({ outdir: path.join(out, name), analyticsReporting: false });
  build(app);
  app.synth();
}
