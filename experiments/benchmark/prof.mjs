import "@tensorflow/tfjs";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "@sew/backend-native";
import { sevenBNet, resNet } from "@sew/models";
import { trainStep, sgd } from "@sew/training";
await useBackend("native");
const stat=new Map();
for (const k of tf.getKernelsForBackend("native")) { const f=k.kernelFunc; k.kernelFunc=(a)=>{const t=performance.now(); const r=f(a); const e=stat.get(k.kernelName)??[0,0]; e[0]+=performance.now()-t; e[1]++; stat.set(k.kernelName,e); return r;}; }
const which = process.argv[2] ?? "7b", reps = Number(process.argv[3] ?? 6);
const net = which==="7b" ? sevenBNet({classes: 11, height:128, width:128}) : resNet(Number(which), {});
const shape = which==="7b" ? [16,2,128,128,2] : which==="18" ? [4,4,224,224,3] : [4,2,224,224,3];
const x = new Float32Array(shape.reduce((a,b)=>a*b));
let st=1; if (which==="7b") for (let i=0;i<x.length;i+=8){ st=(Math.imul(st,1664525)+1013904223)>>>0; if (st<0.1*2**32) for(let j=(st>>3)&1;j<8;j+=2) x[i+j]=1+((st>>4)&1);} else for (let i=0;i<x.length;i++) x[i]=Math.sin(i*0.37)+Math.cos(i*0.011);
const opt = sgd(net); opt.setLearningRate(0.001);
const labels=Int32Array.from({length:shape[1]},(_, i)=>i);
let best=1e9, bestStat;
for (let i=0;i<reps;i++){stat.clear(); const t=performance.now(); await trainStep(net,opt,{x,shape,labels},i); const d=performance.now()-t; if(d<best){best=d; bestStat=new Map([...stat].map(([k,v])=>[k,[...v]]));}}
console.log("best step",best.toFixed(0));
let sum=0; for (const [k,[t,n]] of [...bestStat].sort((a,b)=>b[1][0]-a[1][0]).slice(0,16)) {console.log(k.padEnd(24),t.toFixed(1).padStart(8),"ms",n); }
for (const [,[t]] of bestStat) sum+=t; console.log("kernels", sum.toFixed(0));
