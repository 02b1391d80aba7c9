// The CDK example of a guide, a stack for each template: node include.js <aws-cdk-lib's parent> <code> <templates> <out>
const path = require('path');
const [, , modules, code, templates, out] = process.argv;
const cdk = require(path.join(modules, 'node_modules', 'aws-cdk-lib'));
const { CfnInclude } = require(path.join(modules, 'node_modules', 'aws-cdk-lib', 'cloudformation-include'));

const app = new cdk.App({ outdir: out });
class Include extends CfnInclude {
  constructor(scope, id, props) {
    const env = { account: '111111111111', region: 'eu-west-1' };
    super(new cdk.Stack(app, id, { env }), id, { ...props, templateFile: path.join(templates, path.basename(props.templateFile)) });
  }
}
const example = require('fs').readFileSync(code, 'utf8').replace(/^import .*$/gm, '').replace(/: string|: Record<[^>]*>/g, '');
new Function('CfnInclude', example).call(app, Include);
app.synth({ validateOnSynthesis: false });
