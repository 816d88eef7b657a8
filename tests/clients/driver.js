// Runs calls through one of the official Node SDKs: a job as JSON on standard input, answers as JSON on standard output.
"use strict"

const path = require("path")

const PACKAGES = { node: "tencentcloud-sdk-nodejs", "node intl": "tencentcloud-sdk-nodejs-intl-en" }

function domestic(sdk, job, version) {
  const { Client } = sdk.facefusion["v" + version.replaceAll("-", "")]
  return new Client({
    credential: { secretId: job.secretId, secretKey: job.secretKey },
    region: "ap-guangzhou",
    profile: { httpProfile: { endpoint: job.endpoint, protocol: "http://" } },
  })
}

function international(sdk, job, version, action) {
  const { Credential, HttpProfile, ClientProfile, CommonClient } = sdk.common
  const http = new HttpProfile()
  http.endpoint = job.endpoint
  http.protocol = "http://"
  const parts = [new Credential(job.secretId, job.secretKey), "ap-guangzhou", new ClientProfile(undefined, http)]
  const own = version === "2022-09-27" ? sdk.facefusion.v20220927 : undefined
  if (own && action in own.Client.prototype) {
    const client = new own.Client(...parts)
    return (parameters) => {
      const request = new own.Models[action + "Request"]()
      request.deserialize(parameters)
      return new Promise((resolve, reject) =>
        client[action](request, (error, reply) => (error ? reject(error) : resolve(JSON.parse(reply.to_json_string())))),
      )
    }
  }
  const client = new CommonClient(job.endpoint, version, ...parts)
  return (parameters) =>
    new Promise((resolve, reject) => client.request(action, parameters, (error, reply) => (error ? reject(error) : resolve(reply))))
}

function caller(sdk, job, call) {
  if (job.client === "node intl") return international(sdk, job, call.version, call.action)
  const client = domestic(sdk, job, call.version)
  return call.action in client ? (parameters) => client[call.action](parameters) : (parameters) => client.request(call.action, parameters)
}

async function main() {
  const chunks = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  const job = JSON.parse(Buffer.concat(chunks))
  const sdk = require(path.join(job.modules, PACKAGES[job.client]))
  const answers = []
  for (const call of job.calls) {
    try {
      answers.push({ code: "", reply: await caller(sdk, job, call)(call.parameters) })
    } catch (error) {
      answers.push({ code: error.code || "", message: error.message, requestId: error.requestId || "" })
    }
  }
  process.stdout.write(JSON.stringify(answers))
}

main()
