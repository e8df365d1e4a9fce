output "address" {
  description = "Address of the machine, for the DNS record of domain"
  value       = aws_eip.this.public_ip
}

output "session" {
  description = "Opens a shell on the machine"
  value       = "aws ssm start-session --region ${var.region} --target ${aws_instance.this.id}"
}

output "page" {
  description = "Makes the page available at http://localhost:8000"
  value       = "aws ssm start-session --region ${var.region} --target ${aws_instance.this.id} --document-name AWS-StartPortForwardingSession --parameters portNumber=8000,localPortNumber=8000"
}

output "data_volume" {
  description = "The data disk, which outlives the machine"
  value       = aws_ebs_volume.data.id
}
